"""Reading texts of all supported types, and errors for other values."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from medley.errors import DataError
from medley.text.rows import read_texts

WORDS = ["red", None, ""]


@pytest.mark.parametrize(
    "values",
    [
        WORDS,
        tuple(WORDS),
        np.array(WORDS, object),
        np.array(WORDS, object)[:, None],
        pd.Series(WORDS, index=[7, 8, 9]),
        pd.Series(WORDS, dtype="string"),
        pd.Series(WORDS, dtype=object),
        pd.Series(WORDS).array,
        pd.Series(WORDS, dtype="category"),
        pd.DataFrame({"note": WORDS}),
        pl.Series(WORDS),
        pa.array(WORDS),
        pa.chunked_array([["red"], [None, ""]]),
        ["red", float("nan"), ""],
        ["red", pd.NA, ""],
        ["red", pd.NaT, ""],
        [b"red", None, b""],
        [["red"], [None], [""]],
    ],
    ids=lambda values: f"{type(values).__module__}.{type(values).__name__}",
)
def test_all_types_give_equal_texts(values):
    texts, present = read_texts(values)
    assert texts == ["red", "", ""]
    assert present.tolist() == [True, False, True]


@pytest.mark.parametrize("values", [np.array(["red", "blue"]), np.array([b"red", b"blue"])])
def test_arrays_of_fixed_width_are_texts(values):
    assert read_texts(values)[0] == ["red", "blue"]


def test_numbers_among_texts_are_read_as_text():
    assert read_texts(["a", 7, 2.5, None])[0] == ["a", "7", "2.5", ""]


@pytest.mark.parametrize("values", [[1, 2, None], np.array([1.5, 2.5]), np.arange(4)])
def test_numbers_only_are_an_error(values):
    with pytest.raises(DataError, match=r"every value is a number.*StructuredDataInput"):
        read_texts(values)


def test_a_value_that_is_not_a_text_is_an_error_with_its_row():
    with pytest.raises(DataError, match=r"Row 2 is not a text but dict: \{'a': 1\}"):
        read_texts(["a", None, {"a": 1}])


@pytest.mark.parametrize("values", ["one text", b"bytes", {"a": "b"}, None, 3, (word for word in WORDS)])
def test_values_that_are_not_sequences_are_errors(values):
    with pytest.raises(DataError, match="sequence with one string per row"):
        read_texts(values)


def test_several_columns_are_an_error_with_their_shape():
    with pytest.raises(DataError, match=r"shape \(2, 2\)"):
        read_texts(np.array([["a", "b"], ["c", "d"]]))


def test_surrogates_and_invalid_bytes_are_replaced():
    assert read_texts(["a\ud800b", b"\xff"])[0] == ["a\ufffdb", "\ufffd"]


def test_lists_of_strings_only_are_returned_as_they_are_unless_one_must_be_changed():
    assert read_texts(["a", "bc"], 2)[0] == ["a", "bc"]
    assert read_texts(["a", "bcd"], 2)[0] == ["a", "bc"]
    assert read_texts(["a", "\ud800"])[0] == ["a", "\ufffd"]
    assert read_texts([])[0] == []
