"""The cells of one column as numbers, as days, or as categories; and how to tell which they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np

from medley.tables.formats.missing import AMONG_NUMBERS

Reading = Literal["number", "time", "category"]
Label = str | int | float | bool

_IDENTIFIER = re.compile(r"\s*[+-]?0\d")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?")
_EPOCH = datetime(1970, 1, 1)


def tell_reading(cells: np.ndarray) -> Reading:
    """How a column of training rows is read where the caller does not say.

    Numbers are numbers, however few distinct ones there are: the piecewise-linear embedding puts an edge on
    each of a few distinct values, so nothing is lost, and values between or beyond them stay meaningful.
    Booleans are categories. Strings are numbers where all of them are and none begins with a 0 that a number
    would not have ("007" is an identifier), times where all are ISO dates, and categories otherwise; so are
    mixtures.

    Args:
        cells: shape (B,), any dtype.

    Returns:
        The reading; a column without a single value is read as numbers.

    >>> columns = ["1", "2.5", None], ["007", "1"], [True, False]
    >>> [tell_reading(np.array(cells, dtype=object)) for cells in columns]
    ['number', 'category', 'category']
    """
    kind = cells.dtype.kind
    if kind in "iufmM":
        return "time" if kind in "mM" else "number"
    if kind == "b":
        return "category"
    found = [label for label in labels_of(cells) if label is not None]
    if not found:
        return "number"
    if all(isinstance(label, bool) for label in found):
        return "category"
    if _all_read(numbers_of(cells)):
        named = any(isinstance(label, str) and _IDENTIFIER.match(label) for label in found)
        return "category" if named else "number"
    return "time" if _all_read(days_of(cells)) else "category"


def _all_read(result: tuple[np.ndarray, int | None]) -> bool:
    values, wrong = result
    return wrong is None and not np.isnan(values).all()


def numbers_of(cells: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Cells as numbers.

    Args:
        cells: shape (B,), any dtype.

    Returns:
        float64 (B,), NaN where there is none or none that is finite; and the position of the first cell that
        is neither a number nor missing, or None.
    """
    if cells.dtype.kind in "biuf":
        values, wrong = cells.astype(np.float64), None
    elif cells.dtype.kind in "mMcV":
        return np.full(len(cells), np.nan), 0 if len(cells) else None
    else:
        values, wrong = _each(cells, _number)
    return np.where(np.isfinite(values), values, np.nan), wrong


def days_of(cells: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Dates and times as days since 1970 (UTC where a zone is told), durations as days; as `numbers_of`."""
    if cells.dtype.kind in "mM":
        micro = cells.astype(f"{cells.dtype.kind}8[us]")
        return np.where(np.isnat(micro), np.nan, micro.astype(np.int64) / 86_400e6), None
    if cells.dtype.kind in "biufcV":
        missing = np.isnan(cells) if cells.dtype.kind == "f" else np.zeros(len(cells), bool)
        return np.full(len(cells), np.nan), None if missing.all() else int(np.argmin(missing))
    return _each(cells, _day)


def labels_of(cells: np.ndarray) -> list[Label | None]:
    """Cells as categories, None where missing; types that JSON does not know become strings.

    An empty string is missing; so is "nan", which is what a missing cell becomes in an array of strings.
    """
    if cells.dtype.kind in "biu":
        return cells.tolist()
    if cells.dtype.kind in "mM":
        return [None if missing else str(cell) for cell, missing in zip(cells, np.isnat(cells), strict=True)]
    return [_label(cell) for cell in cells.tolist()]


def _each(cells: np.ndarray, read: Callable[[Any], float]) -> tuple[np.ndarray, int | None]:
    values = np.full(len(cells), np.nan)
    for place, cell in enumerate(cells.tolist()):
        try:
            values[place] = read(cell)
        except (TypeError, ValueError):
            return values, place
        except OverflowError:
            continue  # a whole number beyond all floats: not finite, so missing
    return values, None


def _number(cell: Any) -> float:
    if _is_missing(cell):
        return np.nan
    if isinstance(cell, str | bytes):
        text = (cell.decode(errors="replace") if isinstance(cell, bytes) else cell).strip()
        if not text or text.lower() in AMONG_NUMBERS:
            return np.nan
        if "_" in text:
            raise ValueError("Python reads 1_0 as a number, people as a name")
        return float(text)
    if isinstance(cell, np.datetime64 | np.timedelta64):
        raise TypeError("a time")
    return float(cell)


def _day(cell: Any) -> float:
    if isinstance(cell, str) and (not cell.strip() or cell.strip().lower() in AMONG_NUMBERS):
        return np.nan
    if _is_missing(cell):
        return np.nan
    if isinstance(cell, str):
        if not _DATE.fullmatch(cell.strip()):
            raise ValueError("no ISO date")
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return float(days_of(np.array([cell]))[0][0])
    if isinstance(cell, datetime):
        cell = cell if cell.tzinfo is None else cell.astimezone(UTC).replace(tzinfo=None)
    elif isinstance(cell, date):
        cell = datetime(cell.year, cell.month, cell.day)
    return (cell if isinstance(cell, timedelta) else cell - _EPOCH) / timedelta(days=1)


def _label(cell: Any) -> Label | None:
    if type(cell) is str:  # by far the most frequent
        return None if cell == "nan" or not cell or cell.isspace() else cell
    if isinstance(cell, np.generic) and not isinstance(cell, np.datetime64 | np.timedelta64):
        cell = cell.item()
    if _is_missing(cell):
        return None
    if isinstance(cell, float):
        return cell if np.isfinite(cell) else None
    if isinstance(cell, str | bytes):
        return _label(str(cell, errors="replace") if isinstance(cell, bytes) else str(cell))
    return cell if isinstance(cell, int) else str(cell)


def _is_missing(cell: Any) -> bool:
    # pandas' NA and NaT are known by their names, so that pandas need not be imported to read an array.
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return bool(np.isnat(cell))
    return isinstance(cell, float | np.floating) and bool(np.isnan(cell))
