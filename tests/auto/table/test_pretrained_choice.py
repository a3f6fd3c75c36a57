"""Columns of texts and images that start from a pretrained encoder."""

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import ConfigError

WORDS = ["good", "bad", "lovely", "terrible", "dress", "fits", "small", "large", "red", "blue", "quality", "love"]


@pytest.fixture
def rows(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    reviews = [" ".join(rng.choice(WORDS, 8)) for _ in range(40)]
    files = []
    for number in range(40):
        files.append(f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / files[-1])
    return pd.DataFrame({"review": reviews, "photo": files, "stars": rng.normal(size=40)})


@pytest.fixture
def fit(rows, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))

    def run(pretrained, verbose=0):
        kinds = {"review": "text", "photo": "image"}
        place = {"directory": tmp_path, "root": tmp_path, "overwrite": True, "verbose": verbose}
        return md.fit(rows, "stars", max_trials=1, epochs=1, column_kinds=kinds, pretrained=pretrained, **place)

    return run


def pretrained_of(model):
    return {type(node.block).__name__ for node in model.graph.nodes() if "Pretrained" in type(node.block).__name__}


TEXT, IMAGE = {"PretrainedTokens", "PretrainedTextEncoder"}, {"PretrainedPixels", "PretrainedImageEncoder"}


def test_a_model_is_taken_for_the_columns_that_it_can_read(fit, tiny, rows, tmp_path):
    model = fit(tiny("bert"))
    assert pretrained_of(model) == TEXT
    assert len(model.predict(rows, root=tmp_path)) == 40
    assert pretrained_of(fit(tiny("vit"))) == IMAGE


def test_columns_may_each_have_their_own(fit, tiny):
    assert pretrained_of(fit({"review": tiny("roberta"), "photo": tiny("resnet")})) == TEXT | IMAGE
    assert pretrained_of(fit({"review": None, "photo": tiny("resnet")})) == IMAGE


def test_auto_is_from_scratch_with_a_line_where_nothing_is_cached_and_changes_nothing(fit, capsys):
    automatic = fit("auto", verbose=1)
    output = capsys.readouterr().out + capsys.readouterr().err
    assert (
        output.count("encoders are trained from scratch (no pretrained model in the local cache; see pretrained)") == 2
    )
    assert pretrained_of(automatic) == set()
    assert automatic.metadata["scores"] == fit(None).metadata["scores"]


@pytest.mark.parametrize(
    ("pretrained", "message"),
    [
        (
            {"revew": "x"},
            "names 'revew', but no column of that name can start from a pretrained encoder. Did you mean 'review'",
        ),
        ({"review": "nobody/nothing"}, "No pretrained weights for 'nobody/nothing'"),
        ("nobody/nothing", "No pretrained weights for 'nobody/nothing'"),
        (3, "pretrained must be 'auto', None, a folder"),
    ],
)
def test_errors_are_reported_before_anything_is_trained(fit, pretrained, message):
    with pytest.raises(ConfigError, match=message):
        fit(pretrained)
