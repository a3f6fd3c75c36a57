"""Cells are parsed by their kind, alike for training and prediction, whatever type they have."""

import base64
import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.errors import DataError
from medley.tables.columns.cells import read_cells, read_columns
from medley.tables.columns.infer import infer
from medley.tables.reading.read import read


def cells(training, new=None, kind=None, root=None):
    """`new`, parsed as the kind that is inferred from `training`."""
    schema = infer({"x": training}, {"x": kind} if kind else None)
    return read_cells(pd.Series(training if new is None else new), schema["x"], root)


def same(values, expected):
    return [*map(str, values.tolist())] == [*map(str, expected)]


NAN = float("nan")


@pytest.mark.parametrize(
    ("training", "new", "values", "unparsed"),
    [
        ([1.5, 2.5], [1, None], [1, NAN], []),
        ([1.5, 2.5], ["1", "n/a", "x", ""], [1, NAN, NAN, NAN], [2]),
        ([1.5, 2.5], [np.inf, 1.0], [NAN, 1], [0]),
        ([1.5, 2.5], ["inf", "-Infinity", "nan"], [NAN, NAN, NAN], [0, 1]),
        ([1.5, 2.5], [True, "7", None, 2.5], [1, 7, NAN, 2.5], []),
        (["1.234,5 €", "2,5 €"], ["1.000,5", "7"], [1000.5, 7], []),
        (["12 %", "13 %"], [12, 13], [12, 13], []),
        (["1 kg", "2 kg"], ["500 g", "2.5", "1 lb", "$50", "fifty"], [0.5, 2.5, 0.45359237, NAN, NAN], [3, 4]),
        (["1 kg", "500 g", "3 kg"], None, [1, 0.5, 3], []),
        (["20 °C", "30 °C"], ["212 °F"], [100], []),
        ([1.5, 2.5], ["7 kg", "<3", "65+"], [NAN, 3, 65], [0]),
        ([1.5, 2.5], pd.array([1, None], dtype="Int64"), [1, NAN], []),
        ([1.5, 2.5], [[1], [2]], [NAN, NAN], [0, 1]),
        ([datetime.timedelta(days=1), datetime.timedelta(hours=12)], None, [1, 0.5], []),
    ],
)
def test_numbers(training, new, values, unparsed):
    parsed = cells(training, new)
    assert np.array_equal(parsed.values, np.array(values, float), equal_nan=True)
    assert parsed.values.dtype == np.float64
    assert parsed.unparsed.tolist() == unparsed


@pytest.mark.parametrize(
    ("training", "new", "values"),
    [
        (["a", "b", "a"], ["b", None, " a ", ""], ["b", None, "a", None]),
        (["7", "x", "7"] * 9, [7, 8.0, None], ["7", "8", None]),
        (pd.array(["01", "02"] * 9), ["01", "1"], ["01", "1"]),
        ([True, False], [True, None], [True, None]),
        ([True, False], ["yes", "0", 1.0, "perhaps"], [True, False, True, None]),
        (["yes", "no"], None, [True, False]),
        ([0, 1, None], None, [False, True, None]),
        (pd.Categorical([2.5, 3.5]), ["2.5", 3.5], [2.5, 3.5]),
        (pd.Categorical([2, 3]), ["2", 3.0, "x"], [2, 3, "x"]),
        (pd.Categorical([True, False]), ["True", 0], [True, False]),
    ],
)
def test_categories_and_booleans(training, new, values):
    parsed = cells(training, new).values
    assert parsed.dtype == object
    assert parsed.tolist() == values
    assert [type(value) for value in parsed] == [type(value) for value in values]


def test_whole_numbers_with_gaps_stay_whole():
    parsed = cells([7, 8, None, 7], kind="category").values
    assert parsed.tolist() == [7, 8, None, 7]
    assert type(parsed[0]) is int


@given(labels=st.lists(st.sampled_from(["3", "12", "a", "b c", None]), min_size=1))
def test_labels_do_not_depend_on_the_other_rows_of_a_file(labels):
    guess = infer({"x": ["3", "12", "a", "b c"] * 5})["x"]
    all_labels = read_cells(pd.Series(labels, dtype=object), guess).values.tolist()
    assert all_labels == labels
    digits = [None if label is None else float(label) for label in labels if label in ("3", "12", None)]
    digit_labels = read_cells(pd.Series(digits, dtype=float), guess).values.tolist()
    assert digit_labels == [label for label in labels if label in ("3", "12", None)]


@pytest.mark.parametrize(
    ("training", "new", "days", "unparsed"),
    [
        (["2024-01-31", "2024-02-29"], ["2024-03-01", "soon", None], ["2024-03-01", "NaT", "NaT"], [1]),
        (["31.01.2024", "29.02.2024"], ["01.03.2024", "n/a"], ["2024-03-01", "NaT"], []),
        ([datetime.date(2024, 1, 31), None], None, ["2024-01-31", "NaT"], []),
        (pd.to_datetime(["2024-01-31", None], utc=True), None, ["2024-01-31", "NaT"], []),
        (["2024-01-31", "2024-02-29"], pd.to_datetime(["2024-01-31"]), ["2024-01-31"], []),
        ([20240131 + i % 2 - i % 2 for i in range(30)], [20240131.0, np.nan], ["2024-01-31", "NaT"], []),
    ],
)
def test_times(training, new, days, unparsed):
    parsed = cells(training, new, kind="time")
    assert parsed.values.dtype == "datetime64[us]"
    assert parsed.values.astype("datetime64[D]").astype(str).tolist() == days
    assert parsed.unparsed.tolist() == unparsed


def test_texts():
    parsed = cells(["a text of some words", "and another one of them"], ["x", None, 7, ""]).values
    assert parsed.tolist() == ["x", None, "7", None]


def test_images_are_found_under_the_root():
    guess = infer({"x": ["a.png", "b.png"]})["x"]
    assert read_cells(pd.Series(["c.png", None, " "]), guess, Path("r")).values == [str(Path("r/c.png")), None, None]
    data = b"\x89PNG\r\n\x1a\n" + bytes(90)
    packed = base64.b64encode(data).decode()
    mixed = pd.Series([packed, f"data:image/png;base64,{packed}", data, {"bytes": data}, Path("d.png")])
    assert read_cells(mixed, guess, Path("r")).values == [data, data, data, data, str(Path("r/d.png"))]
    array = np.zeros((9, 9, 3), np.uint8)
    assert read_cells(pd.Series([array, None]), guess).values[0] is array
    nested = np.empty(9, object)
    nested[:] = [np.arange(8)] * 9
    assert read_cells(pd.Series([nested]), guess).values[0].shape == (9, 8)


def test_several_images_per_cell():
    guess = infer({"x": ["a.png;b.png", "c.png"]})["x"]
    a, b = str(Path("r/a.png")), str(Path("r/b.png"))
    rows = pd.Series(["a.png; b.png", "a.png", None, ["b.png", None], []])
    assert read_cells(rows, guess, Path("r")).values == [[a, b], [a], None, [b], None]


def test_vectors_of_another_length_are_unparsed():
    parsed = cells([[0.5, 1.0], [1.0, 2.0]], [[1, 2], None, [1, 2, 3], "[3, 4]", "x"])
    expected = np.array([[1, 2], [NAN, NAN], [NAN, NAN], [3, 4], [NAN, NAN]], np.float32)
    assert np.array_equal(parsed.values, expected, equal_nan=True)
    assert parsed.unparsed.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("training", "new", "values"),
    [
        (["a|b", "a", "b|c", "c|a", "b"], ["c | a|c", None, "d"], [["c", "a"], None, ["d"]]),
        ([["a", "b"], ["a"], []], [["b"], None, []], [["b"], None, []]),
        (["['a', 'b']", "['b']"], ["['c']", "[]"], [["c"], []]),
        ([[1, 2], [2], [1, 3, 2], [3]], [np.array([1, 2])], [[1, 2]]),
        ([{"a", "b"}, {"a"}], [{"b", "a"}], [["a", "b"]]),
    ],
)
def test_sets(training, new, values):
    assert cells(training, new).values == values


def test_series_and_columns_that_are_left_out():
    parsed = cells([[0.5, 1.0], [1.0]], [[1.0, 2.0, 3.0], None]).values
    assert parsed[0].tolist() == [1, 2, 3]
    assert parsed[1] is None
    assert cells(["a", "a"], kind="unused").values == ["a", "a"]


def test_columns_are_found_by_name_in_any_order():
    schema = infer({"size": [1.5, 2.5, 3.5], "sex": ["f", "m", "f"], "id": ["a1", "a2", "a3"]})
    parsed = read_columns(read({"more": [0], "sex": ["m"], "size": ["7"]}), schema)
    assert list(parsed) == ["size", "sex"]
    assert parsed["size"].values.tolist() == [7]


def test_missing_columns_are_reported_with_similar_names():
    schema = infer({"size": [1.5, 2.5], "sex": ["f", "m"], "note": ["b", "a"]})
    with pytest.raises(DataError) as error:
        read_columns(read({"sizes": [0], "note": ["x"], "zzz": [1]}), schema)
    message = str(error.value)
    assert "Column 'size' is missing in the table; near: 'sizes'." in message
    assert "Column 'sex' is missing in the table; it has 'sizes', 'note', 'zzz'." in message


PLAIN_COLUMNS = {
    "number": [0.5, -1.25, 2.0, 3.5] * 5,
    "unit": ["1 kg", "2.5 kg", "7 kg", "3 kg"] * 5,
    "time": [f"2020-01-{day:02}" for day in range(1, 21)],
    "boolean": ["yes", "no"] * 10,
    "category": ["red", "blue", "red", "green"] * 5,
    "text": [f"a long text about {word} number {row}" for row, word in enumerate(["cats", "dogs"] * 10)],
}
ODD_CELLS = [[1], b"1", {"a": 1}, (1, 2), {"a"}, np.zeros((2, 2)), pd.DataFrame({"a": [1]})]


@pytest.mark.parametrize("odd", ODD_CELLS, ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize("name", PLAIN_COLUMNS)
def test_a_cell_that_is_not_a_single_value_is_lost_alone(name, odd):
    column = PLAIN_COLUMNS[name]
    with_odd = pd.Series([None, *column], dtype=object)
    with_odd.iloc[:1] = pd.Series([odd], dtype=object)
    learned, given = infer({"x": column})["x"], infer({"x": with_odd})["x"]
    assert (given.kind, given.form) == (learned.kind, learned.form)
    expected, read_now = read_cells(pd.Series(column), learned), read_cells(with_odd, given)
    assert read_now.unparsed.tolist() == [0]
    np.testing.assert_array_equal(read_now.values[1:], expected.values)
