"""Sets of labels: matrices and lists, with rows and single cells that are not observed."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medley.errors import DataError
from medley.heads.label_sets import LabelSetCodec


def there_and_back(values, **options):
    codec = LabelSetCodec(**options).fit(values)
    encoded = codec.encode(values)
    return codec, encoded, codec.decode(encoded.array * 20 - 10)


@pytest.mark.parametrize("dtype", ["int64", "int8", "float32", "bool"])
def test_a_matrix_comes_back_as_it_was(dtype):
    matrix = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0]]).astype(dtype)
    codec, encoded, found = there_and_back(matrix)
    assert found.dtype == matrix.dtype
    np.testing.assert_array_equal(found, matrix)
    np.testing.assert_array_equal(codec.values(encoded.array), matrix)
    assert codec.values(encoded.array).dtype == matrix.dtype
    assert encoded.present.all()


@pytest.mark.parametrize(
    "values",
    [
        [["b", "a"], [], ["c"], None],
        [{"b", "a"}, set(), {"c"}, None],
        pd.Series([["b", "a"], [], ["c"], None]),
        np.array([["b", "a"], [], ["c"], None], dtype=object),
        [("b", "a"), (), ("c",), float("nan")],
        [np.array(["a", "b"]), np.array([]), np.array(["c"]), pd.NA],
    ],
)
def test_lists_of_labels_come_back_as_lists(values):
    codec, encoded, found = there_and_back(values)
    assert codec.labels == ["a", "b", "c"]
    np.testing.assert_array_equal(encoded.present, [True, True, True, False])
    assert found.tolist()[:3] == [["a", "b"], [], ["c"]]
    assert codec.values(encoded.array).tolist()[:3] == [["a", "b"], [], ["c"]]


def test_a_list_of_lists_of_zeros_and_ones_is_a_matrix():
    assert LabelSetCodec().fit([[1, 0], [0, 1]]).form == "matrix"
    assert LabelSetCodec().fit([[1, None], [0, 1]]).form == "matrix"
    assert LabelSetCodec().fit([[1, 0], None]).form == "matrix"
    assert LabelSetCodec().fit([{1, 0}, {0, 1}]).form == "lists"
    assert LabelSetCodec().fit([[1, 0], [2, 1]]).form == "lists"


def test_a_missing_cell_does_not_make_its_row_unobserved():
    matrix = np.array([[1, np.nan], [np.nan, np.nan], [0, 1]])
    codec, encoded, _ = there_and_back(matrix)
    np.testing.assert_array_equal(encoded.present, [True, False, True])
    np.testing.assert_array_equal(encoded.array, [[1, -1], [0, 0], [0, 1]])
    np.testing.assert_array_equal(codec.values(encoded.array)[[0, 2]], matrix[[0, 2]])


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.sampled_from([0, 1, np.nan]))
)
def test_any_matrix_survives(matrix):
    if np.isnan(matrix).all():
        with pytest.raises(DataError, match="All labels are missing"):
            LabelSetCodec().fit(matrix)
        return
    codec, encoded, found = there_and_back(matrix)
    np.testing.assert_array_equal(encoded.present, ~np.isnan(matrix).all(axis=1))
    known = ~np.isnan(matrix)
    np.testing.assert_array_equal(found[known], matrix[known])
    np.testing.assert_array_equal(codec.values(encoded.array)[encoded.present], matrix[encoded.present])
    assert np.isfinite(codec.prior).all()


@given(st.lists(st.one_of(st.none(), st.sets(st.integers(2, 6))), min_size=1, max_size=12))
def test_any_sets_survive(values):
    if not any(values):
        with pytest.raises(DataError, match=r"at least 1 label|All labels are missing"):
            LabelSetCodec().fit(values)
        return
    _, encoded, found = there_and_back(values)
    assert encoded.present.tolist() == [one is not None for one in values]
    assert [set(one) for one, there in zip(found, encoded.present, strict=True) if there] == [
        one for one in values if one is not None
    ]


def test_state_restores():
    for values in ([["b", "a"], [], None], np.array([[1.0, np.nan], [0, 1]])):
        codec, encoded, found = there_and_back(values, class_weight="balanced")
        state = codec.state()
        arrays = {key: one for key, one in state.items() if isinstance(one, np.ndarray)}
        plain = json.loads(json.dumps({key: one for key, one in state.items() if key not in arrays}))
        again = LabelSetCodec(class_weight="balanced").restore({**plain, **arrays})
        np.testing.assert_array_equal(again.decode(encoded.array * 20 - 10), found)
        np.testing.assert_array_equal(again.encode(values).array, encoded.array)
        np.testing.assert_array_equal(again.weights, codec.weights)
        assert again.spec == codec.spec


def test_the_prior_is_the_logit_of_each_share():
    codec = LabelSetCodec().fit(np.array([[1, 0], [1, 1], [1, 0], [0, 0], [0, 0]]))
    np.testing.assert_allclose(codec.prior, [np.log(3 / 2), np.log(1 / 4)], rtol=1e-6)


def test_probabilities_agree_with_torch():
    raw = torch.randn(8, 3)
    codec = LabelSetCodec().fit(np.eye(3))
    np.testing.assert_allclose(codec.probabilities(raw.numpy()), raw.double().sigmoid().numpy())


def test_class_weights_are_of_cells():
    matrix = np.array([[1, 0], [0, 0], [0, 1], [0, 1]])
    assert LabelSetCodec(class_weight={1: 3}).fit(matrix).weights.tolist() == [[1, 1], [1, 3]]
    np.testing.assert_allclose(LabelSetCodec(class_weight="balanced").fit(matrix).weights, [[2 / 3, 1], [2, 1]])


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (np.array([[1, 2], [0, 1]]), {}, "row 0, column 1 is 2"),
        (np.array([[1, 0], [0, 1]]), {"num_classes": 3}, "num_classes=3, but the target data has 2 labels"),
        ([["a"], ["b"]], {"num_classes": 3}, "num_classes=3, but the target data has 2 labels"),
        ([["a", None], ["b"]], {}, "Row 0 holds a missing label"),
        (["a", "b"], {}, "a list of labels per row .*row 0 is 'a'"),
        ([0, 1], {}, "row 0 is 0"),
        ([[], []], {}, "no row has any"),
        (np.array([["a", "b"]]), {}, "must be numbers, got .*'a'"),
        (7, {}, "got 7"),
    ],
)
def test_targets_that_are_no_label_sets(values, options, words):
    with pytest.raises(DataError, match=words):
        LabelSetCodec(**options).fit(values)


def test_another_form_than_was_learnt():
    lists = LabelSetCodec().fit([["a"], ["b", "c"]])
    with pytest.raises(DataError, match="a list of labels per row"):
        lists.encode(pd.DataFrame(np.eye(3)))
    with pytest.raises(DataError, match=r"'z' .*not among the training labels"):
        lists.encode([["a", "z"]])
    with pytest.raises(DataError, match=r"shape \(B, 2\), but got \(3, 3\)"):
        LabelSetCodec().fit(np.eye(2)).encode(np.eye(3))


def test_label_lists_of_one_length_are_read_as_lists_once_lists_were_learnt():
    codec = LabelSetCodec().fit([[0], [1, 2], []])
    assert codec.encode([[1, 0], [0, 1]]).array.tolist() == [[1, 1, 0], [1, 1, 0]]
