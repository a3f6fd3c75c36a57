"""Spreadsheets (`.xlsx`, `.xls`, `.ods`): the first sheet that holds cells."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.core.foreign_errors import described
from medley.errors import DataError, MedleyError, MissingDependencyError
from medley.tables.reading.header import Header, numbered_names, unique_names

if TYPE_CHECKING:
    import pandas as pd

_RECORDS = 200


def read_excel(path: Path, header: Header) -> tuple[pd.DataFrame, str]:
    """Read the first sheet of a spreadsheet that is not empty; cells have the types that they have there.

    Returns:
        The frame, and a note about the sheet and the names of the columns, or "".

    Raises:
        DataError: it is not a spreadsheet, is damaged, or empty.
        MissingDependencyError: python-calamine is not installed.
    """
    import pandas as pd

    name, rows, notes = _first_sheet(path)
    width = max(map(len, rows))
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    if header.is_in([list(map(_as_text, row)) for row in rows[: _RECORDS + 1]]):
        names, note = unique_names(list(map(_as_text, rows[0])))
        notes += [f"{path.name}: {note}"] if note else []
        rows = rows[1:]
    else:
        names = numbered_names(width)
        notes.append(
            f"Sheet {name!r} of {path.name} has no row of names: its columns are called {names[0]} to {names[-1]}."
        )
    columns = [[None if cell == "" else cell for cell in column] for column in zip(*rows, strict=True)]
    series = [pd.Series(_whole(cells), dtype=object).infer_objects() for cells in columns or [[]] * width]
    return pd.concat(series, axis=1).set_axis(list(names), axis=1), " ".join(notes)


def _first_sheet(path: Path) -> tuple[str, list[list[Any]], list[str]]:
    """The name and the rows of the first sheet that is not empty, and a note if there are others."""
    try:
        from python_calamine import CalamineWorkbook
    except ImportError:
        message = f"{str(path)!r} is a spreadsheet, which needs python-calamine."
        raise MissingDependencyError(message, package="python-calamine", extra="excel") from None
    try:
        with CalamineWorkbook.from_path(str(path)) as book:
            sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=True) for name in book.sheet_names}
    except MedleyError:
        raise
    except BaseException as error:  # a panic of the library, which is written in Rust, is not an Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise DataError(f"{str(path)!r} cannot be read as a table: {described(error)}.") from error
    filled = {name: [row for row in rows if any(cell != "" for cell in row)] for name, rows in sheets.items()}
    filled = {name: rows for name, rows in filled.items() if rows}
    if not filled:
        raise DataError(f"{str(path)!r} cannot be read as a table: it is empty.")
    name = next(iter(filled))
    others = ", ".join(repr(other) for other in list(filled)[1:6])
    notes = [f"Sheet {name!r} of {path.name} was read; it also has {others}."] if others else []
    return name, filled[name], notes


def _as_text(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _whole(cells: list[Any]) -> list[Any]:
    """Whole numbers as such: spreadsheets hold all numbers as floats. Times of the day become durations."""
    present = [cell for cell in cells if cell is not None]
    if present and all(isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53 for cell in present):
        return [None if cell is None else int(cell) for cell in cells] if len(present) == len(cells) else cells
    if any(isinstance(cell, time) for cell in present):
        return [_duration(cell) if isinstance(cell, time) else cell for cell in cells]
    if any(isinstance(cell, date) for cell in present) and any(isinstance(cell, str) for cell in present):
        return [str(cell) if isinstance(cell, date) else cell for cell in cells]
    return cells


def _duration(cell: time) -> timedelta:
    return timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second, microseconds=cell.microsecond)
