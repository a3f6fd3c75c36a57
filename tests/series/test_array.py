"""ArrayCodec: the same rows for every format, and errors for values that are not numeric."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medley.errors import DataError, NotFittedError
from medley.series.array import ArrayCodec

ANY = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=5, max_side=4),
    elements=st.floats(allow_nan=True, allow_infinity=True),
)


@given(ANY)
def test_round_trips_of_numbers_and_state(array):
    codec = ArrayCodec().fit(array)
    encoded = codec.encode(array)
    assert encoded.array.dtype == np.float32
    assert encoded.array.shape == (len(array), *codec.spec.shape)
    assert np.isfinite(encoded.array).all()
    with np.errstate(over="ignore"):
        rows = array.reshape(len(array), -1).astype(np.float32)
    finite = np.isfinite(rows)
    assert encoded.present.tolist() == finite.any(1).tolist()
    back = encoded.array if array.ndim < 4 else np.moveaxis(encoded.array, 1, -1)
    assert np.array_equal(back.reshape(len(array), -1)[finite], rows[finite])
    restored = ArrayCodec().restore(json.loads(json.dumps(codec.state())))
    assert restored.spec == codec.spec
    assert np.array_equal(restored.encode(array).array, encoded.array)


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((5,), "(D=1)"),
        ((5, 3), "(D=3)"),
        ((5, 7, 3), "(T=7 D=3)"),
        ((5, 7, 6, 3), "(C=3 H=7 W=6)"),
        ((5, 2, 7, 6, 3), "(C=3 Z=2 H=7 W=6)"),
    ],
)
def test_axes_follow_the_rank_and_maps_are_channels_first(shape, spec):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) + 1
    codec = ArrayCodec().fit(array)
    assert str(codec.spec) == spec
    encoded = codec.encode(array).array
    if len(shape) >= 4:
        assert np.array_equal(encoded[:, 1], array[..., 1])


ROWS = [[1.0, 2.0], None, [3.0, 4.0]]
NAN = [[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]]


@pytest.mark.parametrize(
    "values",
    [
        ROWS,
        NAN,
        tuple(ROWS),
        np.array(NAN),
        np.array(NAN, object),
        np.array([[1, 2], [None, None], [3, 4]], object),
        np.array([["1", "2"], ["nan", "nan"], ["3.0", "4"]]),
        torch.tensor(NAN),
        torch.tensor(NAN, dtype=torch.bfloat16, requires_grad=True),
        [torch.tensor([1.0, 2.0]), None, torch.tensor([3, 4])],
        [np.array([1, 2]), float("nan"), (3, 4)],
        [np.array([1, 2]), pd.NA, np.array([3, 4])],
        pd.DataFrame(NAN),
        pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": pd.array([2, None, 4], "Int64")}),
    ],
    ids=lambda values: type(values).__name__,
)
def test_every_format_gives_the_same_rows(values):
    encoded = ArrayCodec().fit(values).encode(values)
    assert encoded.array.tolist() == [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]
    assert encoded.present.tolist() == [True, False, True]


def test_a_single_nan_is_zero_and_its_row_is_present():
    encoded = ArrayCodec().fit(np.ones((2, 2))).encode([[1.0, np.nan], [np.inf, 2.0]])
    assert encoded.array.tolist() == [[1.0, 0.0], [0.0, 2.0]]
    assert encoded.present.all()


def test_one_number_per_row():
    encoded = ArrayCodec().fit([1, None, 3]).encode(pd.Series([1, None, 3]))
    assert encoded.array.tolist() == [[1.0], [0.0], [3.0]]
    assert encoded.present.tolist() == [True, False, True]


def test_no_rows():
    codec = ArrayCodec().fit(np.ones((3, 2)))
    assert codec.encode(np.zeros((0, 2))).array.shape == (0, 2)
    assert codec.encode([]).array.shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "b"], "reads numbers, got str 'a'.*TextInput"),
        (np.array(["a", "b"]), "reads numbers"),
        (np.ones((2, 2), complex), "reads numbers"),
        (5.0, "an array, a tensor or a list"),
        ({"a": [1]}, "an array, a tensor or a list"),
        ("text", "an array, a tensor or a list"),
        ([None, None], "All rows are missing"),
        ([[1, 2], None, [1, 2, 3]], r"row 2 has shape \(3,\)"),
        (np.ones((2, 2, 2, 2, 2, 2)), "1 to 4 axes"),
        (np.ones((2, 0)), "none of them empty"),
        ([[1, [2, 3]], [1, 2]], "reads numbers, got list"),
    ],
)
def test_values_that_cannot_be_read_are_errors(values, message):
    with pytest.raises(DataError, match=message):
        ArrayCodec().fit(values)


def test_encoding_rows_of_another_shape_is_an_error():
    codec = ArrayCodec().fit(np.ones((3, 2)))
    for values in (np.ones((3, 5)), [[1, 2, 3]], np.ones((3, 2, 1))):
        with pytest.raises(DataError, match=r"\(2,\)"):
            codec.encode(values)


def test_use_before_fit_is_an_error():
    with pytest.raises(NotFittedError, match="fit"):
        ArrayCodec().encode([[1.0]])
