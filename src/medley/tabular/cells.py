"""Reads the cells of a column as numbers, days or categories, and infers which of them they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, cast

import numpy as np

from medley.tables.formats.missing import AMONG_NUMBERS

Reading = Literal["number", "time", "category"]
Label = str | int | float | bool

_IDENTIFIER = re.compile(r"\s*[+-]?0\d")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?")
_EPOCH = datetime(1970, 1, 1)


def infer_reading(cells: np.ndarray) -> Reading:
    """Infers how a column of training rows is read.

    Numbers are numbers, even if there are few distinct ones, because the piecewise-linear embedding has an edge for
    each of them. Booleans are categories. Strings are numbers if all of them can be parsed and none has a leading zero
    ("007" is an identifier), times if all are ISO dates, and categories otherwise, as are mixed types.

    Args:
        cells: shape (B,), any dtype.

    Returns:
        The reading; `"number"` if all cells are missing.

    >>> columns = ["1", "2.5", None], ["007", "1"], [True, False]
    >>> [infer_reading(np.array(cells, dtype=object)) for cells in columns]
    ['number', 'category', 'category']
    """
    kind = cells.dtype.kind
    if kind in "iufmM":
        return "time" if kind in "mM" else "number"
    if kind == "b":
        return "category"
    labels = [label for label in labels_of(cells) if label is not None]
    if not labels:
        return "number"
    if all(isinstance(label, bool) for label in labels):
        return "category"
    if _is_readable(numbers_of(cells)):
        has_identifiers = any(isinstance(label, str) and _IDENTIFIER.match(label) for label in labels)
        return "category" if has_identifiers else "number"
    return "time" if _is_readable(days_of(cells)) else "category"


def _is_readable(result: tuple[np.ndarray, int | None]) -> bool:
    values, invalid = result
    return invalid is None and not np.isnan(values).all()


def numbers_of(cells: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Converts cells to numbers.

    Args:
        cells: shape (B,), any dtype.

    Returns:
        Numbers (B,) float64, NaN where missing or infinite; and the position of the first cell that is neither a number
        nor missing, or None.
    """
    if cells.dtype.kind in "biuf":
        values, invalid = cells.astype(np.float64), None
    elif cells.dtype.kind in "mMcV":
        return np.full(len(cells), np.nan), 0 if len(cells) else None
    else:
        values, invalid = _convert_each(cells, _number)
    return np.where(np.isfinite(values), values, np.nan), invalid


def days_of(cells: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Converts dates and times to days since 1970 (in UTC if they have a zone), and durations to days.

    Returns as `numbers_of`.
    """
    if cells.dtype.kind in "mM":
        micro = cells.astype(f"{cells.dtype.kind}8[us]")
        return np.where(np.isnat(micro), np.nan, micro.astype(np.int64) / 86_400e6), None
    if cells.dtype.kind in "biufcV":
        missing = ~np.isfinite(cells) if cells.dtype.kind == "f" else np.zeros(len(cells), bool)
        return np.full(len(cells), np.nan), None if missing.all() else int(np.argmin(missing))
    return _convert_each(cells, _day)


def labels_of(cells: np.ndarray) -> list[Label | None]:
    """Converts cells to categories, None where missing; types that are not in JSON become strings.

    Empty strings are missing, and "nan", which NumPy makes of missing cells in arrays of strings.
    """
    if cells.dtype.kind in "biu":
        return cells.tolist()
    if cells.dtype.kind in "mM":
        return [None if missing else str(cell) for cell, missing in zip(cells, np.isnat(cells), strict=True)]
    return [label_of(cell) for cell in cells.tolist()]


def _convert_each(cells: np.ndarray, read: Callable[[Any], float]) -> tuple[np.ndarray, int | None]:
    values = np.full(len(cells), np.nan)
    for position, cell in enumerate(cells.tolist()):
        try:
            values[position] = read(cell)
        except (TypeError, ValueError):
            return values, position
        except OverflowError:
            continue  # an integer that is too large for a float counts as missing
    return values, None


def _number(cell: Any) -> float:
    if _is_missing(cell):
        return np.nan
    if isinstance(cell, str | bytes):
        text = (cell.decode(errors="replace") if isinstance(cell, bytes) else cell).strip()
        if not text or text.lower() in AMONG_NUMBERS:
            return np.nan
        if "_" in text:
            raise ValueError("Python parses 1_0 as a number, but it is more likely a name")
        return float(text)
    if isinstance(cell, np.datetime64 | np.timedelta64):
        raise TypeError("not a number but a time")
    return float(cell)


def _day(cell: Any) -> float:
    if isinstance(cell, str) and (not cell.strip() or cell.strip().lower() in AMONG_NUMBERS):
        return np.nan
    if _is_missing(cell) or (isinstance(cell, float | np.floating) and np.isinf(cell)):
        return np.nan
    if isinstance(cell, str):
        if not _DATE.fullmatch(cell.strip()):
            raise ValueError("not an ISO date")
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return float(days_of(np.array([cell]))[0][0])
    if isinstance(cell, datetime):
        cell = cell if cell.tzinfo is None else cell.astimezone(UTC).replace(tzinfo=None)
    elif isinstance(cell, date):
        cell = datetime(cell.year, cell.month, cell.day)
    return (cell if isinstance(cell, timedelta) else cast(datetime, cell) - _EPOCH) / timedelta(days=1)


def label_of(cell: Any) -> Label | None:
    """Converts a cell to a category, as `labels_of`."""
    if type(cell) is str:  # by far the most frequent
        return None if cell == "nan" or not cell or cell.isspace() else cell
    if isinstance(cell, np.generic) and not isinstance(cell, np.datetime64 | np.timedelta64):
        cell = cell.item()
    if _is_missing(cell):
        return None
    if isinstance(cell, float):
        return cell if np.isfinite(cell) else None
    if isinstance(cell, str | bytes):
        return label_of(str(cell, errors="replace") if isinstance(cell, bytes) else str(cell))
    return cell if isinstance(cell, int) else str(cell)


def _is_missing(cell: Any) -> bool:
    # The names of NA and NaT are compared, because importing pandas is not necessary to read an array.
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return bool(np.isnat(cell))
    return isinstance(cell, float | np.floating) and bool(np.isnan(cell))
