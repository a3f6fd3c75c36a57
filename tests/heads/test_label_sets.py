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


def round_trip(values, **options):
    codec = LabelSetCodec(**options).fit(values)
    encoded = codec.encode(values)
    return codec, encoded, codec.decode(encoded.array * 20 - 10)


@pytest.mark.parametrize("dtype", ["int64", "int8", "float32", "bool"])
def test_a_matrix_is_restored(dtype):
    matrix = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0]]).astype(dtype)
    codec, encoded, decoded = round_trip(matrix)
    assert decoded.dtype == matrix.dtype
    np.testing.assert_array_equal(decoded, matrix)
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
def test_lists_of_labels_are_restored(values):
    codec, encoded, decoded = round_trip(values)
    assert codec.labels == ["a", "b", "c"]
    np.testing.assert_array_equal(encoded.present, [True, True, True, False])
    assert decoded.tolist()[:3] == [["a", "b"], [], ["c"]]
    assert codec.values(encoded.array).tolist()[:3] == [["a", "b"], [], ["c"]]


def test_a_list_of_lists_of_zeros_and_ones_is_a_matrix():
    assert LabelSetCodec().fit([[1, 0], [0, 1]]).layout == "matrix"
    assert LabelSetCodec().fit([[1, None], [0, 1]]).layout == "matrix"
    assert LabelSetCodec().fit([[1, 0], None]).layout == "matrix"
    assert LabelSetCodec().fit([{1, 0}, {0, 1}]).layout == "lists"
    assert LabelSetCodec().fit([[1, 0], [2, 1]]).layout == "lists"


def test_a_missing_cell_does_not_make_its_row_unobserved():
    matrix = np.array([[1, np.nan], [np.nan, np.nan], [0, 1]])
    codec, encoded, _ = round_trip(matrix)
    np.testing.assert_array_equal(encoded.present, [True, False, True])
    np.testing.assert_array_equal(encoded.array, [[1, -1], [0, 0], [0, 1]])
    np.testing.assert_array_equal(codec.values(encoded.array)[[0, 2]], matrix[[0, 2]])


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.sampled_from([0, 1, np.nan]))
)
def test_any_matrix_is_restored(matrix):
    if np.isnan(matrix).all():
        with pytest.raises(DataError, match="All labels are missing"):
            LabelSetCodec().fit(matrix)
        return
    codec, encoded, decoded = round_trip(matrix)
    np.testing.assert_array_equal(encoded.present, ~np.isnan(matrix).all(axis=1))
    observed = ~np.isnan(matrix)
    np.testing.assert_array_equal(decoded[observed], matrix[observed])
    np.testing.assert_array_equal(codec.values(encoded.array)[encoded.present], matrix[encoded.present])
    assert np.isfinite(codec.prior).all()


@given(st.lists(st.one_of(st.none(), st.sets(st.integers(2, 6))), min_size=1, max_size=12))
def test_any_label_sets_are_restored(values):
    if not any(values):
        with pytest.raises(DataError, match=r"at least 1 label|All labels are missing"):
            LabelSetCodec().fit(values)
        return
    _, encoded, decoded = round_trip(values)
    assert encoded.present.tolist() == [labels is not None for labels in values]
    assert [set(labels) for labels, present in zip(decoded, encoded.present, strict=True) if present] == [
        labels for labels in values if labels is not None
    ]


def test_the_codec_is_restored_from_its_state():
    for values in ([["b", "a"], [], None], np.array([[1.0, np.nan], [0, 1]])):
        codec, encoded, decoded = round_trip(values, class_weight="balanced")
        state = codec.state()
        arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
        plain = json.loads(json.dumps({key: value for key, value in state.items() if key not in arrays}))
        restored = LabelSetCodec(class_weight="balanced").restore({**plain, **arrays})
        np.testing.assert_array_equal(restored.decode(encoded.array * 20 - 10), decoded)
        np.testing.assert_array_equal(restored.encode(values).array, encoded.array)
        np.testing.assert_array_equal(restored.weights, codec.weights)
        assert restored.spec == codec.spec


def test_the_prior_is_the_logit_of_each_frequency():
    codec = LabelSetCodec().fit(np.array([[1, 0], [1, 1], [1, 0], [0, 0], [0, 0]]))
    np.testing.assert_allclose(codec.prior, [np.log(3 / 2), np.log(1 / 4)], rtol=1e-6)


def test_probabilities_agree_with_torch():
    raw = torch.randn(8, 3)
    codec = LabelSetCodec().fit(np.eye(3))
    np.testing.assert_allclose(codec.probabilities(raw.numpy()), raw.double().sigmoid().numpy())


def test_class_weights_apply_to_cells():
    matrix = np.array([[1, 0], [0, 0], [0, 1], [0, 1]])
    assert LabelSetCodec(class_weight={1: 3}).fit(matrix).weights.tolist() == [[1, 1], [1, 3]]
    np.testing.assert_allclose(LabelSetCodec(class_weight="balanced").fit(matrix).weights, [[2 / 3, 1], [2, 1]])


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.array([[1, 2], [0, 1]]), {}, "row 0, column 1 is 2"),
        (np.array([[1, 0], [0, 1]]), {"num_classes": 3}, "num_classes=3, but the target data has 2 labels"),
        ([["a"], ["b"]], {"num_classes": 3}, "num_classes=3, but the target data has 2 labels"),
        ([["a", None], ["b"]], {}, "Row 0 contains a missing label"),
        (["a", "b"], {}, "a list of labels per row .*row 0 is 'a'"),
        ([0, 1], {}, "row 0 is 0"),
        ([[], []], {}, "no row has one"),
        (np.array([["a", "b"]]), {}, "must be numbers, got .*'a'"),
        (7, {}, "got 7"),
    ],
)
def test_invalid_label_sets_are_errors(values, options, message):
    with pytest.raises(DataError, match=message):
        LabelSetCodec(**options).fit(values)


def test_targets_of_another_format_are_errors():
    lists = LabelSetCodec().fit([["a"], ["b", "c"]])
    with pytest.raises(DataError, match="a list of labels per row"):
        lists.encode(pd.DataFrame(np.eye(3)))
    with pytest.raises(DataError, match=r"'z' .*not among the training labels"):
        lists.encode([["a", "z"]])
    with pytest.raises(DataError, match=r"shape \(B, 2\), but got \(3, 3\)"):
        LabelSetCodec().fit(np.eye(2)).encode(np.eye(3))


def test_lists_of_zeros_and_ones_are_label_lists_if_the_codec_was_fitted_to_lists():
    codec = LabelSetCodec().fit([[0], [1, 2], []])
    assert codec.encode([[1, 0], [0, 1]]).array.tolist() == [[1, 1, 0], [1, 1, 0]]


class Incomparable:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other):
        raise RuntimeError("no comparison")


@pytest.mark.parametrize("cell", [np.array([1, 2]), np.array(1), [1], {"a": 1}, {1}, Incomparable(), 1j, object()])
def test_labels_that_are_none_are_errors_of_ours(cell):
    for rows in ([[cell, 1], [0, 1]], [[cell], [1], None]):
        with pytest.raises(DataError, match=r"Labels must be"):
            LabelSetCodec().fit(rows)
