"""Folders of texts."""

import pytest

from medley.errors import ConfigError, DataError
from medley.text.folder import text_dataset_from_directory


@pytest.fixture
def folder(tmp_path):
    for label, texts in {"good": ["fine", "très bien"], "bad": ["poor", "awful", "no"]}.items():
        (tmp_path / label).mkdir()
        for index, text in enumerate(texts):
            (tmp_path / label / f"{index}.txt").write_text(text, "utf-8")
    (tmp_path / "good" / "readme.md").write_text("not a text")
    return tmp_path


def test_labels_are_the_names_of_the_subfolders(folder):
    texts, labels = text_dataset_from_directory(folder)
    label_of = dict(zip(texts, labels, strict=True))
    assert label_of == {"fine": "good", "très bien": "good", "poor": "bad", "awful": "bad", "no": "bad"}


def test_order_is_repeatable_and_subsets_do_not_overlap(folder):
    train, _ = text_dataset_from_directory(folder, validation_split=0.4, subset="training", seed=3)
    val, _ = text_dataset_from_directory(folder, validation_split=0.4, subset="validation", seed=3)
    assert len(train) == 3
    assert len(val) == 2
    assert not set(train) & set(val)
    assert text_dataset_from_directory(folder, shuffle=False)[0].tolist()[:2] == ["poor", "awful"]


def test_texts_are_truncated(folder):
    assert max(map(len, text_dataset_from_directory(folder, max_length=3)[0])) == 3


def test_invalid_arguments_and_folders_are_errors(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"2 errors[\s\S]*max_length[\s\S]*subset"):
        text_dataset_from_directory(folder, max_length=0, subset="training")
    with pytest.raises(DataError, match="no folder"):
        text_dataset_from_directory(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="contains no texts"):
        text_dataset_from_directory(tmp_path / "empty")
