"""Cells that cannot be read as the kind of their column: they count as missing and are reported, or are an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.row_reporting import RowWarning, row_number, warn_about_rows
from medley.errors import ConfigError, DataError, UnreadableCellWarning, did_you_mean, spelled
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table

POLICIES = ("warn", "raise")
"""`"warn"`: unreadable cells count as missing and are listed in one warning; `"raise"`: they are an error."""

_MOST_LISTED = 10
_LONGEST = 40


@dataclass(frozen=True)
class UnreadableCell:
    """A cell that cannot be read.

    Args:
        row: its row, as the caller numbers it, from 0.
        column: the name of its column.
        text: what it holds, shortened.
        expected: what the column holds.

    >>> str(UnreadableCell(3, "weight", "'$50'", "number (kg)"))
    "row 3, column 'weight': '$50' is not a number (kg)"
    """

    row: int
    column: str
    text: str
    expected: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column!r}: {self.text} is not a {self.expected}"


def check_policy(on_unreadable: Any) -> None:
    """Check the argument `on_unreadable`.

    Raises:
        ConfigError: it is not one of `POLICIES`.
    """
    if on_unreadable not in POLICIES:
        message = f'must be "warn" or "raise", got {on_unreadable!r}.{did_you_mean(on_unreadable, POLICIES)}'
        raise ConfigError(message, argument="on_unreadable")


def report_unreadable(table: Table, schema: Schema, unparsed: Mapping[str, np.ndarray], on_unreadable: str) -> None:
    """Report cells that cannot be read.

    Args:
        table: the rows.
        schema: the kinds of the columns.
        unparsed: column -> positions of the rows whose cell cannot be read.
        on_unreadable: one of `POLICIES`.

    Raises:
        DataError: there are such cells, and the policy is `"raise"`.

    Warns:
        UnreadableCellWarning: there are such cells; it names rows, columns and cells.
    """
    total = sum(map(len, unparsed.values()))
    first = sorted((position, name) for name, rows in unparsed.items() for position in rows[:_MOST_LISTED].tolist())
    cells = [
        UnreadableCell(
            row_number(position), name, shortened(table.frame[name].iloc[position]), describe_expected(schema, name)
        )
        for position, name in first[:_MOST_LISTED]
    ]
    if cells and on_unreadable == "raise":
        head = f"{_counted(total)} cannot be read; {spelled('on_unreadable', 'warn')} counts them as missing."
        raise DataError(_listed(head, cells, total))
    warn_about_rows(RowWarning(cells, total, _message, UnreadableCellWarning))


def describe_expected(schema: Schema, name: str) -> str:
    """What the cells of a column should be: its kind, and its unit if it has one."""
    guess = schema[name]
    unit = guess.form[7:].strip() if guess.kind == "number" else ""
    return f"{guess.kind} ({unit})" if unit else guess.kind


def shortened(cell: Any) -> str:
    """A cell as messages show it."""
    text = repr(cell.item() if isinstance(cell, np.generic) else cell)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _message(cells: Sequence[Any], total: int) -> str:
    head = f"{_counted(total)} cannot be read and {'counts' if total == 1 else 'count'} as missing"
    return _listed(f"{head} ({spelled('on_unreadable', 'raise')} stops instead).", cells, total)


def _listed(head: str, cells: Sequence[UnreadableCell], total: int) -> str:
    lines = [head, *(f"- {cell}" for cell in cells[:_MOST_LISTED])]
    if total > _MOST_LISTED:
        lines.append(f"- and {total - _MOST_LISTED} more")
    return "\n".join(lines)


def _counted(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells:,} cells"
