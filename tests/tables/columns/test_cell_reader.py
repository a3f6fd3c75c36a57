"""Cells that are read one by one have the values that they have in a frame, and what cannot be read is reported."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from medley.core.column import ColumnGuess
from medley.tables.columns import cell_reader
from medley.tables.columns.cell_reader import CellReader
from medley.tables.columns.cells import table_cells
from medley.tables.reading.few_rows import few_rows
from medley.tables.reading.read import read


class Incomparable:
    """A cell that cannot be compared."""

    def __ne__(self, other):
        raise ValueError("not comparable")

    def __repr__(self):
        return "Incomparable()"


KINDS = [
    ("number", "", None),
    ("number", "1,234.5 kg", ("?", "-99")),
    ("number", "1.234,5", None),
    ("number", "duration", None),
    ("boolean", "", None),
    ("category", "str", None),
    ("category", "int", ("NA",)),
    ("category", "float", None),
    ("category", "bool", None),
    ("time", "ISO", None),
    ("time", "epoch s", None),
    ("text", "", None),
    ("set", ",", None),
    ("vector", "", None),
]
CELLS = [
    *[None, float("nan"), "", " ", "?", "NA", "nan", "unknown", "red", " red ", "12", "1,234.5", "1.234,5", "500 g"],
    *[0, 1, -99, 2**60 + 1, 10**30, 1.5, -0.0, 1e300, float("inf"), True, False, "yes", "2024-05-01", "3 days"],
    *[1_700_000_000, "a, b", b"red", [1.0, 2.0], {"a": 1}, datetime.date(2024, 5, 1), datetime.timedelta(days=2)],
    *[np.float64(1.5), np.int64(3), np.float32(0.1), np.bool_(True), np.str_("red"), "\ud800", "long " * 100],
    *[pd.NA, pd.NaT, Decimal("1.5"), Decimal("NaN"), Decimal("sNaN"), np.arange(2), np.array(1.5), Incomparable()],
]


def guess(kind: str, form: str, missing) -> ColumnGuess:
    return ColumnGuess("cell", kind, "", 1.0, 0.0, 0, (), "", form=form, missing_values=missing)


def outcome(call) -> str:
    try:
        cells = call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    values = cells.values.tolist() if isinstance(cells.values, np.ndarray) else cells.values
    types = [type(value).__name__ for value in values]
    return f"{getattr(cells.values, 'dtype', None)} {types} {values} {cells.unparsed.tolist()}"


PAIRS = [["red", None], [None, "?"], [1, None], [True, None], [1, True], [1.5, 2], [0.5, None, -99.0], ["12", 12]]


@pytest.mark.parametrize(("kind", "form", "missing"), KINDS)
def test_cells_have_the_values_of_a_frame(kind, form, missing):
    column = guess(kind, form, missing)
    reader = CellReader(column)
    for cells in [*([cell] for cell in CELLS), *PAIRS]:
        rows = [{"cell": cell} for cell in cells]
        few = few_rows(rows, ["cell"])
        assert few is not None
        expected = outcome(lambda rows=rows: table_cells(read(rows), column))
        for _ in range(2):  # the second time, values are remembered
            assert outcome(lambda table=few: reader.read(table)) == expected, cells


@pytest.mark.parametrize("cells", [["red", None], [1.5, np.nan], [1, 2], [True, False], [2**60 + 1, 1], [None, None]])
def test_columns_of_lists_and_frames_are_read_likewise(cells):
    for rows in ({"cell": cells}, pd.DataFrame({"cell": cells})):
        few = few_rows(rows, ["cell"])
        assert few is not None
        for column in (guess("number", "", None), guess("category", "str", None), guess("text", "", None)):
            expected = outcome(lambda rows=rows, column=column: table_cells(read(rows), column))
            assert outcome(lambda few=few, column=column: CellReader(column).read(few)) == expected


@pytest.mark.parametrize("dtype", ["float32", "Int64", "category", "object", "boolean", "uint8"])
def test_columns_of_other_types_are_read_as_in_a_frame(dtype):
    frame = pd.DataFrame({"cell": pd.Series([1, 0]).astype(dtype)})
    few = few_rows(frame, ["cell"])
    for kind, form, missing in (KINDS[0], KINDS[4], KINDS[5]):
        column = guess(kind, form, missing)
        assert outcome(lambda column=column: CellReader(column).read(few)) == outcome(
            lambda column=column: table_cells(read(frame), column)
        )


def test_no_more_than_some_cells_are_remembered(monkeypatch):
    monkeypatch.setattr(cell_reader, "MAX_REMEMBERED", 100)
    reader = CellReader(guess("category", "str", None))
    for place in range(110):
        cells = [str(place)]
        assert reader.read(few_rows({"cell": cells}, ["cell"])).values.tolist() == cells
    assert max(map(len, reader._values.values())) <= 100


def test_only_few_rows_with_all_columns_are_read_one_by_one():
    assert few_rows([{"a": 1}] * 65, ["a"]) is None
    assert few_rows([], ["a"]) is None
    assert few_rows([{"a": 1}, {"b": 1}], ["a"]) is None
    assert few_rows({"a": [1], "b": [1, 2]}, ["a"]) is None
    assert few_rows({"a": np.array([1])}, ["a"]) is None
    assert few_rows({1: [1]}, ["1"]) is None
    assert few_rows(pd.DataFrame([[1, 2]], columns=["a", "a"]), ["a"]) is None
    assert few_rows("rows.csv", ["a"]) is None


def test_the_frame_of_few_rows_has_all_columns():
    rows = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    few = few_rows(rows, ["a"])
    assert few is not None
    assert (len(few), list(few.index)) == (2, [0, 1])
    pd.testing.assert_frame_equal(few.frame, pd.DataFrame(rows))
    assert read(few, ".").frame is few.frame
