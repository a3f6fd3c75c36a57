"""Predicted labels have the type of the training labels."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medley.errors import ConfigError, DataError, NotFittedError
from medley.heads import ClassificationHead
from medley.heads.classes import ClassCodec


def one_hot_logits(codec, encoded):
    """Raw outputs that are sure of the encoded classes."""
    if codec.binary:
        return encoded.array * 20 - 10
    return np.eye(len(codec.labels))[encoded.array] * 20


def round_trip(values, **options):
    codec = ClassCodec(**options).fit(values)
    encoded = codec.encode(values)
    return codec, encoded, codec.decode(one_hot_logits(codec, encoded))


CASES = {
    "ints": ([3, 1, 2, 1], np.array([3, 1, 2, 1])),
    "strings": (["b", "a", "c"], np.array(["b", "a", "c"])),
    "bools": ([True, False, True], np.array([True, False, True])),
    "floats": ([0.0, 1.0, 2.5], np.array([0.0, 1.0, 2.5])),
    "int8 array": (np.array([3, 1, 2], np.int8), np.array([3, 1, 2], np.int8)),
    "uint8 array": (np.array([255, 0], np.uint8), np.array([255, 0], np.uint8)),
    "float32 array": (np.array([0, 1, 1], np.float32), np.array([0, 1, 1], np.float32)),
    "bool array": (np.array([True, False]), np.array([True, False])),
    "string array": (np.array(["yes", "no"]), np.array(["yes", "no"])),
    "bytes array": (np.array([b"yes", b"no"]), np.array([b"yes", b"no"])),
    "object array": (np.array(["yes", "no"], object), np.array(["yes", "no"], object)),
    "mixed": (["a", 1, "b"], np.array(["a", 1, "b"], object)),
    "int series": (pd.Series([5, 7, 5]), np.array([5, 7, 5])),
    "string series": (pd.Series(["x", "y"]), np.array(["x", "y"], object)),
    "categorical of strings": (pd.Series(pd.Categorical(["x", "y"])), np.array(["x", "y"], object)),
    "categorical of ints": (pd.Categorical([4, 2, 4]), np.array([4, 2, 4])),
    "nullable ints": (pd.Series([4, 2], dtype="Int64"), np.array([4, 2])),
    "nullable bools": (pd.Series([True, False], dtype="boolean"), np.array([True, False])),
    "column": (np.array([[1], [0], [2]]), np.array([[1], [0], [2]])),
    "frame of one column": (pd.DataFrame({"y": ["u", "v"]}), np.array([["u"], ["v"]], object)),
    "list of rows of one": ([["u"], ["v"]], np.array([["u"], ["v"]])),
    "one-hot": (np.array([[0, 1, 0], [1, 0, 0]]), np.array([[0, 1, 0], [1, 0, 0]])),
    "one-hot float32": (np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)),
    "one-hot bools": (np.eye(2, dtype=bool), np.eye(2, dtype=bool)),
    "one-hot list": ([[0, 1], [1, 0]], np.array([[0, 1], [1, 0]])),
    "tensor": (torch.tensor([2, 0, 1]), np.array([2, 0, 1])),
}


@pytest.mark.parametrize("case", CASES)
def test_labels_keep_type_shape_and_value(case):
    values, expected = CASES[case]
    codec, encoded, decoded = round_trip(values)
    assert encoded.present.all()
    assert decoded.dtype.kind == expected.dtype.kind
    assert expected.dtype.kind in "USO" or decoded.dtype == expected.dtype
    np.testing.assert_array_equal(decoded, expected)
    np.testing.assert_array_equal(codec.values(encoded.array), expected)


@pytest.mark.parametrize("case", CASES)
def test_state_is_json_and_arrays_and_restores(case):
    values, expected = CASES[case]
    codec, encoded, _ = round_trip(values, class_weight="balanced")
    state = codec.state()
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    plain = json.loads(json.dumps({key: value for key, value in state.items() if key not in arrays}))
    again = ClassCodec(class_weight="balanced").restore({**plain, **arrays})
    raw = one_hot_logits(codec, encoded)
    np.testing.assert_array_equal(again.decode(raw), expected)
    assert again.decode(raw).dtype == codec.decode(raw).dtype
    np.testing.assert_array_equal(again.encode(values).array, encoded.array)
    np.testing.assert_array_equal(again.prior, codec.prior)
    np.testing.assert_array_equal(again.weights, codec.weights)
    assert again.spec == codec.spec
    assert again.labels == codec.labels


MISSING = {
    "list": (["b", None, "a"], np.array(["b", "a"])),
    "nan in a list": (["b", float("nan"), "a"], np.array(["b", "a"])),
    "ints in a list": ([1, None, 0, 1], np.array([1, 0, 1])),
    "bools in a list": ([True, None, False], np.array([True, False])),
    "float array": (np.array([1.0, np.nan, 0.0]), np.array([1.0, 0.0])),
    "object array": (np.array(["b", None, "a"], object), np.array(["b", "a"], object)),
    "pandas NA": (pd.Series([1, None, 0], dtype="Int64"), np.array([1, 0])),
    "pandas strings": (pd.Series(["b", None, "a"]), np.array(["b", "a"], object)),
    "categorical": (pd.Series(pd.Categorical([3, None, 7])), np.array([3, 7])),
    "one-hot": (np.array([[0, 1.0], [np.nan, np.nan], [1, 0]]), np.array([[0, 1.0], [1, 0]])),
    "one-hot list": ([[0, 1], None, [1, 0]], np.array([[0, 1], [1, 0]])),
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_labels_are_unobserved(case):
    values, expected = MISSING[case]
    _, encoded, decoded = round_trip(values)
    np.testing.assert_array_equal(encoded.present, [True, False, *[True] * (len(expected) - 1)])
    assert decoded.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(decoded[encoded.present], expected)
    assert not encoded.array[~encoded.present].any()  # a legal value, and always the same one


def test_an_empty_string_is_a_label():
    _, encoded, decoded = round_trip(["", "a", ""])
    assert encoded.present.all()
    assert decoded.tolist() == ["", "a", ""]


LABELS = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=2, max_size=30),
    st.lists(st.one_of(st.none(), st.text(max_size=5)), min_size=2, max_size=30),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=2, max_size=30),
    st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(2, 9)), min_size=2, max_size=30),
)


@settings(max_examples=60)
@given(LABELS)
def test_any_list_of_labels_is_restored(values):
    if len({value for value in values if value is not None}) < 2:
        with pytest.raises(DataError, match=r"at least 2 classes, but got 1|All labels are missing"):
            ClassCodec().fit(values)
        return
    codec, encoded, decoded = round_trip(values)
    assert encoded.array.dtype == (np.float32 if codec.binary else np.int32)
    assert encoded.array.shape == (len(values), *codec.spec.shape)
    for given_label, present, back in zip(values, encoded.present, decoded.tolist(), strict=True):
        assert present == (given_label is not None)
        # NumPy's fixed-width strings cannot end in a zero character.
        if present and not (isinstance(given_label, str) and given_label.endswith("\0")):
            assert back == given_label
            assert type(back) is type(given_label)


def test_probabilities_follow_the_labels():
    two = ClassCodec().fit(["no", "yes"])
    np.testing.assert_allclose(two.probabilities(np.array([[0.0], [np.log(3)]])), [[0.5, 0.5], [0.25, 0.75]])
    three = ClassCodec().fit([5, 6, 9])
    decoded = three.probabilities(np.array([[1000.0, 1000.0, -1000.0]]))
    np.testing.assert_allclose(decoded, [[0.5, 0.5, 0.0]])
    assert three.labels == [5, 6, 9]
    assert all(type(label) is int for label in three.labels)


def test_probabilities_agree_with_torch():
    raw = torch.randn(20, 4)
    codec = ClassCodec().fit(list("abcd"))
    np.testing.assert_allclose(codec.probabilities(raw.numpy()), raw.double().softmax(1).numpy(), rtol=1e-6)


def test_num_classes_allows_unseen_integers():
    codec = ClassCodec(num_classes=5).fit([0, 3, 3])
    assert codec.labels == [0, 1, 2, 3, 4]
    assert len(codec.prior) == 5
    assert np.isfinite(codec.prior).all()
    assert codec.encode([4]).array.tolist() == [4]
    assert ClassCodec(num_classes=2).fit([True, True]).labels == [False, True]
    assert ClassCodec(num_classes=3).fit(np.array([0.0, 1.0])).labels == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1, 1, 1], {}, "at least 2 classes, but got 1"),
        ([None, None], {}, "All labels are missing: none of the 2 training rows"),
        ([], {}, "All labels are missing"),
        (np.full((2, 3), np.nan), {}, "All labels are missing"),
        ([0, 1, 2], {"num_classes": 2}, "num_classes=2, but the target data has 3 classes"),
        (["a", "b"], {"num_classes": 3}, "Only the whole numbers 0 to 2"),
        (np.eye(3), {"num_classes": 4}, "num_classes=4, but the one-hot target data has 3 columns"),
        ([[1, 1], [0, 1]], {}, "row 0 is .*multi_label=True"),
        ([[1, 0], [0, 0]], {}, "row 1 is .*multi_label=True"),
        ([[1, 0], [0, np.nan]], {}, "row 1 is"),
        ([["a", "b"], ["c"]], {}, "equal lengths, got lengths 1, 2"),
        ([["a", "b"], ["c", "d"]], {}, "must be numbers, got 'a'|must be numbers, got np.str_"),
        (np.zeros((2, 2, 2)), {}, "got \\(2, 2, 2\\)"),
        (3, {}, "one per row"),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), {}, "strings, booleans or floats"),
        (np.array(["2020-01-01", "2021-01-01"], "datetime64[ns]"), {}, "strings, booleans or floats"),
        ([{"a"}, {"b"}], {}, "multi_label=True"),
        ([np.inf, 1.0], {}, "infinite"),
        (list(np.linspace(0, 1, 50)), {}, "Use RegressionHead"),
        ([b"a", "b", None], {}, "decode them"),
    ],
)
def test_invalid_class_targets_are_errors(values, options, message):
    with pytest.raises(DataError, match=message):
        ClassCodec(**options).fit(values)


def test_an_unseen_label_is_an_error():
    codec = ClassCodec().fit(["cat", "dog"])
    with pytest.raises(DataError, match=r"label 'cow' in row 1 was not among the training labels: 'cat', 'dog'"):
        codec.encode(["cat", "cow"])
    with pytest.raises(DataError, match=r"label 1 in row 0"):
        codec.encode([1])
    many = ClassCodec().fit([f"label {k}" for k in range(50)])
    with pytest.raises(DataError, match="Did you mean 'label 7'"):
        many.encode(["label-7"])


def test_targets_of_another_format_are_errors():
    with pytest.raises(DataError, match=r"learned from one-hot rows of 3 columns, got .* \(2,\)"):
        ClassCodec().fit(np.eye(3)).encode([0, 1])
    with pytest.raises(DataError, match=r"learned from one label per row"):
        ClassCodec().fit([0, 1]).encode(np.eye(3))
    with pytest.raises(DataError, match=r"shape \(B, 3\), but got \(4, 4\)"):
        ClassCodec().fit(np.eye(3)).encode(np.eye(4))
    # A column and a flat list are the same labels.
    assert ClassCodec().fit([0, 1]).encode([[1], [0]]).array.tolist() == [[1.0], [0.0]]


def test_encode_before_fit_is_an_error():
    with pytest.raises(NotFittedError, match=r"call fit\(\)"):
        _ = ClassCodec().labels


def test_zero_rows_can_be_encoded_and_decoded():
    codec = ClassCodec().fit(["a", "b", "c"])
    assert codec.encode([]).array.shape == (0,)
    assert codec.decode(np.zeros((0, 3))).tolist() == []


def test_names_of_one_hot_columns_are_the_labels():
    frame = pd.DataFrame({"cat": [1, 0], "dog": [0, 1]})
    codec = ClassCodec(class_weight={"dog": 3}).fit(frame)
    assert codec.labels == ["cat", "dog"]
    assert codec.weights.tolist() == [1.0, 3.0]


def test_the_prior_contains_the_class_frequencies():
    np.testing.assert_allclose(ClassCodec().fit([0, 0, 0, 1]).prior, [np.log(1 / 3)], rtol=1e-6)
    np.testing.assert_allclose(ClassCodec().fit(list("aabc")).prior, np.log([0.5, 0.25, 0.25]), rtol=1e-6)


def test_class_weights_by_label():
    assert ClassCodec(class_weight={"b": 3}).fit(["a", "b"]).weights.tolist() == [1.0, 3.0]
    assert ClassCodec(class_weight={"1": 3, "0": 2}).fit([0, 1]).weights.tolist() == [2.0, 3.0]
    assert ClassCodec(class_weight={"True": 3}).fit([False, True]).weights.tolist() == [1.0, 3.0]
    np.testing.assert_allclose(ClassCodec(class_weight="balanced").fit([0, 0, 0, 1]).weights, [2 / 3, 2.0])


def test_class_weights_of_unknown_labels_are_errors():
    head = ClassificationHead(class_weight={"dgo": 2.0, 7: 1.0})
    with pytest.raises(ConfigError, match=r"(?s)2 errors.*'dgo'.*Did you mean 'dog'.*contains 7"):
        head.codec().fit(["dog", "cat"])


def test_too_many_classes_are_an_error():
    with pytest.raises(DataError, match=r"10,001 distinct labels in 10,001 rows: more than 10,000 classes"):
        ClassCodec().fit([f"c{row}" for row in range(10_001)])
