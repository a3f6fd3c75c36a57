"""Rows of every form: counting, selecting, matching to names."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse

from medley.data.rows import arrange, check_counts, count, rows_of, take
from medley.errors import DataError

FORMS = {
    "array": np.arange(12).reshape(4, 3),
    "object array": np.array(["a", None, 3, 4.5], dtype=object),
    "strings": np.array(["a", "bb", "c", "d"]),
    "list with None": ["a", None, "c", ""],
    "tuple": (1, 2, 3, 4),
    "sets": [{"a"}, {"a", "b"}, set(), {"c"}],
    "images of differing sizes": [np.zeros((2, i + 1)) for i in range(4)],
    "frame": pd.DataFrame({"a": [1, 2, 3, 4], "b": list("wxyz")}, index=[9, 8, 7, 6]),
    "series": pd.Series(list("wxyz"), index=[9, 8, 7, 6]),
    "index": pd.Index(list("wxyz")),
    "extension array": pd.array([1, None, 3, 4], dtype="Int64"),
    "categorical": pd.Categorical(list("xyxx")),
    "polars frame": pl.DataFrame({"a": [1, 2, 3, 4], "b": list("wxyz")}),
    "polars series": pl.Series([1, None, 3, 4]),
    "arrow table": pa.table({"a": [1, 2, 3, 4]}),
    "arrow array": pa.chunked_array([[1, 2], [3, 4]]),
    "columns": {"a": [1, 2, 3, 4], "b": np.arange(4.0)},
    "tensor": torch.arange(8).reshape(4, 2),
    "sparse": sparse.csr_matrix(np.eye(4)),
    "range": range(4),
}


def comparable(values):
    """Convert rows of any form to a value that can be compared."""
    if isinstance(values, dict):
        return {name: comparable(column) for name, column in values.items()}
    if isinstance(values, pd.DataFrame):
        return values.to_dict("split")
    if isinstance(values, pd.Series):
        return list(values.items())
    if isinstance(values, pl.DataFrame | pa.Table):
        return comparable(dict(zip(["a", "b"], values.to_pandas().T.values.tolist(), strict=False)))
    if isinstance(values, pa.ChunkedArray):
        return values.to_pylist()
    if sparse.issparse(values):
        return values.toarray().tolist()
    return [str(value) for value in values]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_rows_that_can_be_counted(form):
    assert count(FORMS[form]) == 4


@pytest.mark.parametrize("form", FORMS)
def test_taking_all_rows_gives_the_same_form_with_the_same_rows(form):
    values = FORMS[form]
    taken = take(values, np.arange(4))
    assert type(taken) is (list if form == "range" else type(values))
    assert comparable(taken) == comparable(values)


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_taken_by_position_in_the_requested_order(form):
    values = FORMS[form]
    taken = take(values, np.array([2, 0, 2]))
    assert count(taken) == 3
    assert comparable(take(taken, np.array([1]))) == comparable(take(values, np.array([0])))
    assert comparable(take(taken, np.array([0]))) == comparable(take(values, np.array([2])))


@pytest.mark.parametrize("form", FORMS)
def test_taking_no_positions_gives_no_rows(form):
    assert count(take(FORMS[form], np.array([], dtype=int))) == 0


def test_a_frame_keeps_its_index():
    assert take(FORMS["frame"], np.array([3, 1])).index.tolist() == [6, 8]


@pytest.mark.parametrize(
    "values",
    [None, "photo.png", b"bytes", 3, np.float32(3), np.array(3), torch.tensor(3.0), {1, 2}, iter([1, 2]),
     pl.DataFrame({"a": [1]}).lazy()],
)  # fmt: skip
def test_values_without_rows_are_errors(values):
    with pytest.raises(DataError, match=r"Rows must come as .* got "):
        count(values)


def test_the_error_for_columns_of_differing_length_lists_the_lengths():
    with pytest.raises(DataError, match="'a': 2, 'b': 3"):
        count({"a": [1, 2], "b": [1, 2, 3]})


# ---- several names


def test_several_values_come_in_order_or_by_name():
    image, table = np.zeros((4, 8, 8)), pd.DataFrame({"a": [1, 2, 3, 4]})
    for values in ([image, table], (image, table), {"table": table, "image": image}):
        arranged = arrange(values, ["image", "table"], "x")
        assert list(arranged) == ["image", "table"]
        assert arranged["image"] is image
        assert arranged["table"] is table


@pytest.mark.parametrize(
    ("values", "got"),
    [([1, 2, 3], 3), ([[1]], 1), (np.zeros((2, 4)), 1), (pd.DataFrame({"a": [1]}), 1), ([], 0)],
)
def test_a_wrong_number_of_values_is_an_error(values, got):
    with pytest.raises(DataError, match=rf"Expected y to have 2 arrays, but got {got}; .*'digit', 'answer'"):
        arrange(values, ["digit", "answer"], "y")


def test_all_wrong_names_are_reported_at_once():
    with pytest.raises(DataError) as error:
        arrange({"imag": 1, "sound": 2}, ["image", "table"], "x")
    message = str(error.value)
    assert "x has nothing for 'image'" in message
    assert "x has nothing for 'table'" in message
    assert "'imag', which is not one of the names. Did you mean 'image'?" in message
    assert "'sound', which is not one of the names. Choose from: 'image', 'table'." in message


def test_none_is_an_error():
    with pytest.raises(DataError, match="y is missing: expected rows for 'digit'"):
        arrange(None, ["digit"], "y")


# ---- one name

TEXTS = ["one", None, "three"]
IMAGES = [np.zeros((2, 3)), np.zeros((4, 5)), np.zeros((6, 7))]


@pytest.mark.parametrize("rows", [3, None])
@pytest.mark.parametrize(
    "values",
    [TEXTS, IMAGES, [{"a"}, {"a", "b"}, set()], [["a"], ["a", "b"], []], [[1, 2], [3, 4], [5, 6]],
     np.zeros((3, 2)), pd.Series(TEXTS), {"age": [1, 2, 3], "name": TEXTS}, [{"age": i} for i in range(3)]],
    ids=lambda values: type(values).__name__,
)  # fmt: skip
def test_rows_for_one_name_are_returned_unchanged(values, rows):
    assert arrange(values, ["only"], "x", rows)["only"] is values


def test_as_many_arrays_as_rows_are_rows_even_if_each_has_that_length():
    values = [np.zeros(2), np.ones(2)]
    assert arrange(values, ["only"], "x", rows=2)["only"] is values


@pytest.mark.parametrize("rows", [3, None])
@pytest.mark.parametrize("inner", [np.zeros((3, 2)), pd.DataFrame({"a": [1, 2, 3]}), {"a": [1, 2, 3]}, np.array(TEXTS)])
def test_a_list_of_one_array_wraps_it(inner, rows):
    assert arrange([inner], ["only"], "x", rows)["only"] is inner


def test_a_list_of_one_list_is_read_by_the_number_of_rows():
    assert arrange([TEXTS], ["note"], "x", rows=3)["note"] is TEXTS
    one_row = [["cat", "dog"]]
    assert arrange(one_row, ["labels"], "y", rows=1)["labels"] is one_row
    assert arrange(one_row, ["labels"], "y")["labels"] is one_row


def test_one_image_in_a_list_is_one_row_where_there_is_one_row():
    images = [np.zeros((32, 32, 3))]
    assert arrange(images, ["photo"], "x", rows=1)["photo"] is images
    batch = np.zeros((1, 32, 32, 3))
    assert arrange([batch], ["photo"], "x", rows=1)["photo"] is batch


def test_one_record_in_a_list_is_one_row():
    records = [{"age": 3, "name": "x"}]
    assert arrange(records, ["table"], "x")["table"] is records


def test_a_wrapped_array_of_wrong_length_is_left_to_the_check_of_counts():
    arranged = arrange([np.zeros((5, 2))], ["only"], "x", rows=3)
    with pytest.raises(DataError, match="same number of rows, got only: 5, label: 3"):
        check_counts(arranged, {"label": [0, 1, 0]})


def test_too_many_arrays_for_one_name_are_an_error():
    with pytest.raises(DataError, match=r"Expected x to have 1 arrays, but got 2; .*'photo'.*add an input"):
        arrange([np.zeros((9, 4)), np.zeros((9, 2))], ["photo"], "x", rows=9)
    with pytest.raises(DataError, match=r"Expected y to have 1 arrays, but got 2; .*'digit'.*add a head"):
        arrange((list(range(9)), list(range(9))), ["digit"], "y", rows=9)


def test_a_dict_for_one_name_is_its_value_or_a_table_of_columns():
    table = {"age": [1, 2], "size": [3, 4]}
    assert arrange({"facts": table}, ["facts"], "x") == {"facts": table}
    assert arrange(table, ["facts"], "x") == {"facts": table}


# ---- numbers of rows


@pytest.mark.parametrize(
    ("values", "names", "expected"),
    [
        (np.zeros((5, 2)), ["a"], 5),
        (TEXTS, ["a"], 3),
        ([{"x"}, set()], ["a"], 2),
        ([np.zeros((5, 2))], ["a"], 5),
        (IMAGES, ["a"], None),
        ([TEXTS, np.zeros(3)], ["a", "b"], 3),
        ({"b": TEXTS, "a": np.zeros(3)}, ["a", "b"], 3),
        ({"age": [1, 2], "size": [3, 4]}, ["a"], 2),
        (None, ["a"], None),
        ([], ["a", "b"], None),
        (iter([1]), ["a"], None),
        ({"age": [1], "size": [3, 4]}, ["a"], None),
    ],
)
def test_rows_of_determines_the_number_of_rows_where_possible(values, names, expected):
    assert rows_of(values, names) == expected


def test_the_error_for_differing_counts_lists_every_name():
    with pytest.raises(DataError, match="got photo: 5, note: 3, digit: 5"):
        check_counts({"photo": np.zeros((5, 2)), "note": TEXTS}, {"digit": [0] * 5})


def test_no_rows_are_an_error():
    with pytest.raises(DataError, match="at least one row, got photo: 0, digit: 0"):
        check_counts({"photo": np.zeros((0, 2))}, {"digit": []})


def test_all_values_without_rows_are_reported_with_their_names():
    with pytest.raises(DataError) as error:
        check_counts({"photo": "a.png", "note": None}, {"digit": [1]})
    assert "photo: Rows must come as" in str(error.value)
    assert "note: Rows must come as" in str(error.value)


def test_matching_counts_are_returned():
    assert check_counts({"photo": np.zeros((3, 2))}, {"digit": TEXTS}, {"sample_weight": (1, 2, 3)}) == 3
