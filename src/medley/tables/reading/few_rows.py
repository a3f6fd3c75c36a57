"""Tables of few rows in memory: columns are lists of cells, and a frame is made only where something needs it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.tables.reading.frames import from_memory
from medley.tables.reading.read import Table, checked

if TYPE_CHECKING:
    import pandas as pd

MAX_FEW_ROWS = 64
"""Number of rows up to which reading cells one by one takes less time than making a frame of them."""


class FewRows(Table):
    """A table of few rows: a frame has a fixed cost per column, which is most of the time that one row takes.

    Args:
        source: the table as the caller passed it.
        columns: column -> its cells, of needed columns; those that are left out must be read from the frame.
        index: the rows' index.
    """

    def __init__(self, source: Any, columns: Mapping[str, list[Any]], index: Any) -> None:
        vars(self).update(root=Path(), origin="the table", notes=(), cache={})  # what a table of memory has
        vars(self).update(source=source, columns=columns, _index=index)

    source: Any
    columns: Mapping[str, list[Any]]
    _index: Any

    @cached_property
    def frame(self) -> pd.DataFrame:  # type: ignore[override]
        """The rows, with all columns."""
        return checked(from_memory(self.source), "The table")[0]

    @property
    def index(self) -> Any:
        """The rows' index."""
        return self._index

    def __len__(self) -> int:
        return len(self._index)


def few_rows(table: Any, names: Sequence[str]) -> FewRows | None:
    """Few rows of a list of dicts, a dict of lists, or a frame of pandas; None for anything else.

    Args:
        table: rows.
        names: the columns that are needed, all of which it must have.

    >>> few_rows([{"age": 3, "sex": "f"}, {"age": 5, "sex": None}], ["age"]).columns
    {'age': [3, 5]}
    >>> few_rows([{"age": 3}], ["age", "sex"]) is None
    True
    """
    if isinstance(table, list):
        columns = _of_dicts(table, names)
        return None if columns is None else FewRows(table, columns, range(len(table)))
    if type(table) is dict:
        columns = _of_lists(table, names)
        return None if columns is None else FewRows(table, columns, range(len(next(iter(table.values())))))
    pandas = sys.modules.get("pandas")
    if pandas is not None and type(table) is pandas.DataFrame:
        columns = _of_frame(table, names)
        return None if columns is None else FewRows(table, columns, table.index)
    return None


def _of_dicts(rows: list[Any], names: Sequence[str]) -> dict[str, list[Any]] | None:
    if not 0 < len(rows) <= MAX_FEW_ROWS or not all(type(row) is dict and _has_text_keys(row) for row in rows):
        return None
    try:
        return {name: [row[name] for row in rows] for name in names}
    except KeyError:
        return None


def _of_lists(table: dict[Any, Any], names: Sequence[str]) -> dict[str, list[Any]] | None:
    if not _has_text_keys(table) or not all(type(cells) is list for cells in table.values()):
        return None
    lengths = set(map(len, table.values()))
    if len(lengths) != 1 or not 0 < lengths.pop() <= MAX_FEW_ROWS or not all(name in table for name in names):
        return None
    return {name: table[name] for name in names}


def _has_text_keys(table: Mapping[Any, Any]) -> bool:
    return all(type(key) is str for key in table)


def _of_frame(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, list[Any]] | None:
    labels = frame.columns.tolist()
    is_small = 0 < len(frame) <= MAX_FEW_ROWS
    if not is_small or not all(type(label) is str for label in labels) or len(set(labels)) < len(labels):
        return None
    if not set(names) <= set(labels):
        return None
    # `items` takes a third of the time of looking up each column.
    series = dict(frame.items())
    columns = {name: _cells(series[name]) for name in names}
    return {name: cells for name, cells in columns.items() if cells is not None}


def _cells(series: Any) -> list[Any] | None:
    """The cells of a column of plain numbers or strings; None for other types, which say more than their cells."""
    cells, dtype = series.tolist(), series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return cells
    if (dtype == "str" or dtype == "O") and all(
        cell is None or type(cell) is str or (isinstance(cell, float) and cell != cell) for cell in cells
    ):
        return [cell if type(cell) is str else None for cell in cells]
    return None
