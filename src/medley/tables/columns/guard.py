"""The border between cells and the code that interprets them: what fails there names the column and the row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from medley.core.foreign_errors import described
from medley.errors import DataError, MedleyError, spelled
from medley.tables.columns.profile import ColumnProfile

T = TypeVar("T")

_LONGEST_CELL = 60


def guarded(profile: ColumnProfile, interpret: Callable[[ColumnProfile], T]) -> T:
    """Interpret a column; an exception that is not ours becomes an error that names the column and the row.

    Args:
        profile: the column.
        interpret: what to do with it.

    Raises:
        DataError: `interpret` raises any exception that is not ours.
    """
    try:
        return interpret(profile)
    except MedleyError:
        raise
    except Exception as error:
        row = _first_row(profile, interpret)
        unused = spelled("column_kinds", {profile.name: "unused"})
        raise DataError(
            f"Column {profile.name!r} cannot be read, as of row {row} ({_shown(profile.series.iloc[row])}): "
            f"{described(error)}. If it is not needed, leave it out: {unused}."
        ) from error


def _first_row(profile: ColumnProfile, interpret: Callable[[ColumnProfile], object]) -> int:
    """The last of the fewest first rows that cannot be interpreted, found by bisection."""
    working, failing = 0, len(profile.series)
    while failing - working > 1:
        rows = (working + failing) // 2
        try:
            interpret(_head(profile, rows))
        except MedleyError:
            working = rows
        except Exception:
            failing = rows
        else:
            working = rows
    return failing - 1


def _head(profile: ColumnProfile, rows: int) -> ColumnProfile:
    series = profile.series.iloc[:rows]
    return ColumnProfile(profile.name, series, profile.root, profile.rows, profile.missing_values)


def _shown(cell: object) -> str:
    try:
        text = repr(cell)
    except Exception:
        return f"a {type(cell).__name__}"
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."
