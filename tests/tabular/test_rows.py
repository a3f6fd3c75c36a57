import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from medley.errors import DataError
from medley.tabular.rows import read_rows

FORMS = {
    "object array": np.array([[1.5, "a"], [None, "b"], [3.0, None]], dtype=object),
    "frame": pd.DataFrame({"size": [1.5, None, 3.0], "kind": ["a", "b", None]}),
    "polars": pl.DataFrame({"size": [1.5, None, 3.0], "kind": ["a", "b", None]}),
    "arrow": pl.DataFrame({"size": [1.5, None, 3.0], "kind": ["a", "b", None]}).to_arrow(),
    "dict": {"size": [1.5, None, 3.0], "kind": np.array(["a", "b", None], dtype=object)},
    "dict of series": {"size": pd.Series([1.5, None, 3.0]), "kind": pl.Series(["a", "b", None])},
    "records": [{"size": 1.5, "kind": "a"}, {"kind": "b"}, {"size": 3.0, "kind": None}],
    "rows": [[1.5, "a"], (None, "b"), [3.0, None]],
    "structured": np.array([(1.5, "a"), (np.nan, "b"), (3.0, "")], dtype=[("size", "f8"), ("kind", "U1")]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_reads_alike(form):
    rows = read_rows(FORMS[form])
    assert rows.size == 3
    numbers, words = rows.columns
    assert [cell for cell in numbers if cell is not None and cell == cell] == [1.5, 3.0]
    assert list(words[:2]) == ["a", "b"]
    assert words[2] in (None, "")
    assert rows.names in (None, ["size", "kind"])
    assert (rows.names is None) == (form in ("object array", "rows"))


@pytest.mark.parametrize("cells", [np.arange(4.0), [1, 2, 3, 4], pd.Series([1, 2, 3, 4]), pl.Series([1, 2, 3, 4])])
def test_one_axis_is_one_column(cells):
    rows = read_rows(cells)
    assert (rows.size, len(rows.columns)) == (4, 1)
    assert rows.columns[0].dtype.kind in "if"


def test_numbers_stay_arrays_and_mixtures_stay_apart():
    columns = read_rows([[True, 1, "x"], [False, 2.5, 3]]).columns
    assert [column.dtype.kind for column in columns] == ["b", "f", "O"]
    assert columns[2].tolist() == ["x", 3]


def test_pandas_types_lose_their_missing_marker():
    frame = pd.DataFrame(
        {
            "int": pd.array([1, None, 3], dtype="Int64"),
            "bool": pd.array([True, None, False], dtype="boolean"),
            "text": pd.array(["a", None, "b"], dtype="string"),
            "kind": pd.Categorical(["a", None, "b"]),
            "day": pd.to_datetime(["2020-01-01", None, "2020-01-03"]).tz_localize("Europe/Berlin"),
        }
    )
    rows = read_rows(frame)
    assert rows.categories == {3}
    assert np.isnan(rows.columns[0][1])
    assert [column[1] for column in rows.columns[1:4]] == [None, None, None]
    assert rows.columns[4].dtype.kind == "M"
    assert rows.columns[4][0] == np.datetime64("2019-12-31T23:00")


def test_whole_number_labels_become_names():
    rows = read_rows(pd.DataFrame([[1, 2], [3, 4]]))
    assert rows.names == ["0", "1"]
    assert rows.integer_names
    assert read_rows({0: [1], 1: [2]}).names == ["0", "1"]


def test_rows_that_are_none_have_no_cells():
    rows = read_rows([None, [1, "a"], None])
    assert [column.tolist() for column in rows.columns] == [[None, 1, None], [None, "a", None]]
    assert read_rows([None, None]).nothing
    assert np.isnan(read_rows([None, {"a": 1.0}]).columns[0]).tolist() == [True, False]


def test_cells_of_other_types_survive():
    day = datetime.date(2020, 1, 1)
    assert read_rows([[day, (1, 2)], [None, {"a": 1}]]).columns[0].tolist() == [day, None]
    assert read_rows([[2**70], [1]]).columns[0].tolist() == [2**70, 1]


def test_masked_cells_are_missing():
    rows = read_rows(np.ma.masked_array([[1, 2], [3, 4]], mask=[[False, True], [False, False]]))
    assert rows.columns[1].tolist() == [None, 4]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((2, 3, 4)), "shape (2, 3, 4)"),
        (None, "shape ()"),
        ("text", "shape ()"),
        ([np.zeros((2, 2))], "shape (2, 2)"),
        ({"a": [1, 2], "b": [1]}, "'a' 2, 'b' 1"),
        ({"a": np.zeros((2, 2))}, "one value per row"),
        ([[1, 2], [3]], "Row 1 of a table must have 2 cells"),
        ([[1, 2], 3], "Row 1"),
        ([{"a": 1}, [2]], "Row 1 of a table must be a dict"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' twice"),
        ({"1": [1], 1: [2]}, "'1' twice"),
    ],
)
def test_what_is_no_table_is_an_error(values, words):
    with pytest.raises(DataError) as caught:
        read_rows(values)
    assert words in str(caught.value)
