"""Rows of every input, encoded for every source."""

import numpy as np
import pandas as pd
import pytest

from medley.core.codec import Codec
from medley.core.spec import Spec
from medley.data.sources import absent, encode_inputs
from medley.errors import DataError
from medley.model.encoding import encode_targets, row_weights


class Fixed(Codec):
    def __init__(self, spec):
        self._spec = spec

    @property
    def spec(self):
        return self._spec

    def fit(self, values): ...
    def encode(self, values): ...
    def state(self): ...
    def restore(self, state): ...


@pytest.mark.parametrize(
    ("spec", "dtype"),
    [
        (Spec((3, 4, 4), "CHW", "uint8"), np.uint8),
        (Spec((5,), "T", "int64", 9), np.int32),
        (Spec((2,), "D"), np.float32),
    ],
)
def test_rows_of_nothing_are_legal_and_absent(spec, dtype):
    encoded = absent(Fixed(spec), 3)
    assert encoded.array.shape == (3, *spec.shape)
    assert encoded.array.dtype == dtype
    assert not encoded.array.any()
    assert not encoded.present.any()


def test_an_input_that_is_wholly_absent_is_so_in_every_row(model, rows):
    encoded = encode_inputs(model.sources, {**rows, "wave": None})
    assert not encoded["wave"].present.any()
    assert np.flatnonzero(~encoded["facts"].present).tolist() == [10]  # the one row that lacks both its cells


def test_all_inputs_absent_leaves_the_number_of_rows_unknown(model):
    with pytest.raises(DataError, match="number of rows is unknown"):
        encode_inputs(model.sources, {"wave": None, "facts": None})


def test_all_errors_are_reported_at_once_with_the_inputs_names(model):
    with pytest.raises(DataError, match=r"(?s)2 errors.*- wave: .*- facts: ") as caught:
        encode_inputs(model.sources, {"wave": np.zeros((2, 7)), "facts": [["a"], ["b"]]})
    assert [error.where[0] for error in caught.value.causes] == ["wave", "facts"]
    with pytest.raises(DataError, match=r"(?s)2 errors.*- kind: .*- price: "):
        encode_targets(model.targets, {"kind": ["lion", "cat"], "price": ["much", "little"]})


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ([1.0, 2.0], "3 rows, but 2 weights"),
        ([1.0, -1.0, 1.0], "at least 0, got -1 in row 1"),
        ([1.0, float("nan"), 1.0], "finite numbers .*got nan in row 1"),
        ([1.0, 1e300, 1.0], r"at most 1e\+30 .*got 1e\+300 in row 1"),
        (pd.Series([1.0, 1e300, 1.0]), r"at most 1e\+30 .*got 1e\+300 in row 1"),
        ([1, 10**400, 1], "too large"),
        ([0.0, 0.0, 0.0], "must not be 0 in all rows"),
        (["a", "b", "c"], "numbers"),
        ([1.0, 1j, 1.0], "complex numbers have no order"),
    ],
)
def test_invalid_weights_are_refused(weight, words):
    with pytest.raises(DataError, match=words):
        row_weights(weight, 3)


def test_weights_come_in_any_form():
    assert row_weights(None, 3) is None
    assert row_weights([[1], [0], [2]], 3).tolist() == [1.0, 0.0, 2.0]
