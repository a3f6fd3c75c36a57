"""TF-IDF of words, characters and entities."""

import numpy as np
import pytest

from medley.text.features import TextFeatures
from medley.text.label_bag import LabelSetFeatures

TITLES = ["red shirt", "blue shirt", "red hat", None, "red shirt", ""] * 5


def blocks(features, values):
    (block,), present = features.encode(values)
    return block.matrix, present


def test_parts_are_unit_vectors_and_missing_texts_are_zeros():
    features = TextFeatures().fit(TITLES)
    matrix, present = blocks(features, ["red shirt", None, "zebra"])
    assert present.tolist() == [True, False, True]
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    assert lengths[0] == pytest.approx(len(features._terms) ** 0.5, rel=1e-5)
    assert lengths[1] == 0


def test_equal_texts_have_equal_rows_whatever_stands_around_them():
    features = TextFeatures().fit(TITLES)
    first, _ = blocks(features, ["red hat", "blue shirt"])
    two, _ = blocks(features, ["blue shirt", "red hat", "red hat"])
    assert (first[0] != two[1]).nnz == 0
    assert (first[0] != two[2]).nnz == 0


def test_rare_words_weigh_more_than_common_ones():
    features = TextFeatures().fit(["the cat", "the dog", "the cow", "the cat", "the dog", "the cow"] * 3)
    idf = dict(zip(features._terms["words"].tolist(), features._idf["words"].tolist(), strict=True))
    assert min(idf.values()) == pytest.approx(1.0, abs=1e-6)  # "the"
    assert max(idf.values()) > 1.5


def test_lists_in_cells_become_whole_entities():
    casts = ["Anna Smith, Bo Li", "Bo Li, Cy Young", "Anna Smith", "Cy Young, Bo Li"] * 4
    assert len(TextFeatures().fit(casts)._terms["entities"]) == 3
    reviews = [f"word{row} other{row} and so on {row}" for row in range(40)]
    assert "entities" not in TextFeatures().fit(reviews)._terms


def test_long_texts_have_no_character_runs():
    assert "characters" in TextFeatures().fit(TITLES)._terms
    assert "characters" not in TextFeatures().fit([f"a long text number {row} " * 10 for row in range(20)])._terms


@pytest.mark.parametrize(
    ("features", "values"),
    [(TextFeatures(), TITLES), (LabelSetFeatures(), [["a", "b"], ["a"], None, ["b", "a"], []] * 3)],
)
def test_what_was_learnt_comes_back(features, values):
    features.fit(values)
    again = type(features)().restore(features.state())
    first, two = blocks(features, values), blocks(again, values)
    assert (first[0] != two[0]).nnz == 0
    assert first[1].tolist() == two[1].tolist()


def test_texts_that_all_differ_have_no_terms_and_no_error():
    features = TextFeatures().fit(["alpha", "omega"])
    matrix, _ = blocks(features, ["alpha", "beta"])
    assert np.isfinite(matrix.toarray()).all()
