"""Rows of inputs that are tables themselves: a field per column, and cells that are checked one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medley.data.sources import Source
from medley.errors import DataError
from medley.serve.fields import MOST_CHOICES, Control, Field
from medley.serve.refusal import CellError
from medley.tables.columns.unreadable import shortened
from medley.tabular.columns import CategoricalColumn, NumericColumn

_DESCRIPTIONS: dict[Control, str] = {
    "number": "A number.",
    "time": "A date or time, or a duration in days.",
    "choice": "One of the categories of the training rows; others count as unseen.",
    "text": "A single value.",
}


def column_fields(source: Source) -> tuple[Field, ...]:
    """The columns of an input as fields; empty where its codec does not know them one by one."""
    columns = getattr(source.codec, "columns", ())
    if [getattr(column, "name", None) for column in columns] != [column.name for column in source.codec.spec.columns]:
        return ()
    return tuple(_field(column) for column in columns)


def _field(column: Any) -> Field:
    low = high = None
    control: Control = "text"
    choices: tuple[Any, ...] = ()
    if isinstance(column, NumericColumn) and column.known:
        control = "number" if column.reading == "number" else "time"
        low, high = column.range if control == "number" else (None, None)
    elif isinstance(column, CategoricalColumn):
        control = "choice"
        choices = column.categories if len(column.categories) <= MOST_CHOICES else ()
    description = f"{_DESCRIPTIONS[control]} Leave it out (null) where it is missing."
    return Field(column.name, control, control, description, low=low, high=high, choices=choices)


def columns_of(source: Source, name: str, cells: Sequence[Any]) -> tuple[dict[str, list[Any]], list[CellError]]:
    """Rows of a table input by column, and the cells that cannot be read, which count as missing.

    Args:
        source: of the input.
        name: of the input.
        cells: one per row: a list in the order of the columns, an object of cells by name, or None.
    """
    columns = [column.name for column in source.codec.spec.columns]
    lists: list[list[Any]] = []
    errors: list[CellError] = []
    for row, cell in enumerate(cells):
        values = [cell.get(column) for column in columns] if isinstance(cell, dict) else cell
        if not isinstance(values, list) or len(values) != len(columns):
            if cell is not None:
                size = len(values) if isinstance(values, list) else "one"
                message = f"The row must have {len(columns)} cells ({', '.join(columns)}), got {size}."
                errors.append(CellError(row, name, message))
            values = [None] * len(columns)
        lists.append(values)
    by_column = {column: [values[place] for values in lists] for place, column in enumerate(columns)}
    for column in getattr(source.codec, "columns", ()):
        for row, message in _unreadable(column, by_column.get(column.name, [])):
            errors.append(CellError(row, f"{name}: {column.name}", message))
            by_column[column.name][row] = None
    return by_column, errors


def _unreadable(column: Any, cells: Sequence[Any]) -> list[tuple[int, str]]:
    """Row and message of each cell that a column cannot read."""
    wrong = [(row, f"The cell must be a single value, got {shortened(cell)}.") for row, cell in _nested(cells)]
    if not isinstance(column, NumericColumn) or wrong or _is_readable(column, cells):
        return wrong
    noun = "number" if column.reading == "number" else "time"
    return [
        (row, f"{shortened(cell)} is not a {noun}.")
        for row, cell in enumerate(cells)
        if not _is_readable(column, [cell])
    ]


def _nested(cells: Sequence[Any]) -> list[tuple[int, Any]]:
    return [(row, cell) for row, cell in enumerate(cells) if isinstance(cell, list | dict)]


def _is_readable(column: NumericColumn, cells: Sequence[Any]) -> bool:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    try:
        column.encode(array)
    except DataError:
        return False
    return True
