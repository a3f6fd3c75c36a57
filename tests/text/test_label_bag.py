"""Inputs with a set of labels per row."""

import numpy as np
import pytest

import medley as md
from medley.errors import DataError
from medley.text.label_bag import LabelBagCodec, LabelSetInput

ROWS = [["C++", "C"], ["c"], None, [], ("C", "New York"), {"York", "C"}, np.array(["C", "C"])]


def test_labels_are_compared_as_a_whole_and_their_order_has_no_meaning():
    codec = LabelBagCodec().fit(ROWS)
    assert sorted(codec.labels) == ["C", "C++", "New York", "York", "c"]
    assert codec.spec.shape == (2,)
    encoded = codec.encode([["C", "C++"], ["C++", "C"], ["C", "C"], ["Fortran"], [], None])
    np.testing.assert_array_equal(encoded.array[0], encoded.array[1])
    assert (encoded.array[2] > 0).sum() == 1
    assert not encoded.array[3:].any()
    assert encoded.present.tolist() == [True] * 5 + [False]


def test_numbers_are_labels_even_as_floats():
    codec = LabelBagCodec().fit([[3, 1], [1.0, None], float("nan")])
    np.testing.assert_array_equal(codec.encode([[1]]).array, codec.encode([[1.0]]).array)
    assert codec.labels == ["1", "3"]


def test_the_most_frequent_labels_are_kept():
    codec = LabelBagCodec(max_labels=2).fit([["a", "b"], ["a", "b"], ["a", "c"]])
    assert codec.labels == ["a", "b"]
    rare = LabelBagCodec().fit([[f"unique {row}", "shared"] for row in range(600)])
    assert rare.labels == ["shared"]


def test_state_restores():
    codec = LabelBagCodec().fit(ROWS)
    restored = LabelBagCodec().restore(codec.state())
    np.testing.assert_array_equal(codec.encode(ROWS).array, restored.encode(ROWS).array)
    assert restored.spec == codec.spec


def test_rows_that_are_not_lists_are_errors():
    with pytest.raises(DataError, match="row 1 is 'a b'"):
        LabelBagCodec().fit([["a"], "a b"])


def test_labels_that_word_tokens_cannot_distinguish_are_learned(tmp_path):
    rng = np.random.default_rng(0)
    tags = [list(rng.permutation(["C", "C++", "C#", "F#"])[: rng.integers(1, 4)]) for _ in range(300)]
    auto = md.AutoModel(LabelSetInput(), md.ClassificationHead(), max_trials=1, directory=tmp_path)
    auto.fit(tags, ["C#" in labels for labels in tags], epochs=30, verbose=0)
    assert auto.predict([["C#"], ["C++", "C"], ["F#", "C#"], ["F#"]]).tolist() == [True, False, True, False]
