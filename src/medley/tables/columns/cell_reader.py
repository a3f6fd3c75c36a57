"""Reads columns of few cells one by one, as `cells.table_cells` reads them, without a frame and a profile each time."""

from __future__ import annotations

from types import NoneType
from typing import Any

import numpy as np

from medley.core.column import ColumnGuess
from medley.tables.columns.cells import Cells, table_cells
from medley.tables.columns.kind import kind_named
from medley.tables.columns.missing import missing_values_of
from medley.tables.columns.profile import as_markers, numbers_among
from medley.tables.reading.few_rows import FewRows
from medley.tables.reading.read import read

MAX_REMEMBERED = 1_000
"""Number of cells of a column whose values are remembered."""

MAX_CELL_LENGTH = 200
"""Length of strings that are remembered: longer ones hardly ever recur."""

_MAX_EXACT = 2**53
_ALL_PARSED = np.zeros(0, np.int64)


class CellReader:
    """Reads the cells of one column of tables of few rows.

    Numbers are taken as they are; strings, whole numbers and booleans have the values that they had when
    `table_cells` read them the first time. Anything else is left to `table_cells`, and so are cells that cannot be
    read, as these must be reported.

    Args:
        guess: the kind of the column.

    >>> from medley.tables.reading.few_rows import few_rows
    >>> guess = ColumnGuess("size", "number", "", 1.0, 0.0, 0, (), "", form="1,234.5 kg")
    >>> reader = CellReader(guess)
    >>> [reader.read(few_rows([{"size": cell}], ["size"])).values.tolist() for cell in ("500 g", 2, None)]
    [[0.5], [2.0], [nan]]
    """

    def __init__(self, guess: ColumnGuess) -> None:
        kind = kind_named(guess.kind)
        self._guess = guess
        self._keeps_numbers = kind.keeps_numbers
        self._is_cellwise = kind.is_cellwise
        self._missing_numbers = numbers_among(as_markers(frozenset(missing_values_of(guess))))
        self._values: dict[type, dict[Any, Any]] = {str: {}, int: {}, bool: {}, NoneType: {}}
        self._dtype: np.dtype[Any] | None = None

    def read(self, table: FewRows) -> Cells:
        """The parsed cells of the column."""
        cells = table.columns.get(self._guess.name)
        if cells is None or not self._is_cellwise:
            return table_cells(table, self._guess)
        numbers = self._numbers(cells) if self._keeps_numbers else None
        if numbers is not None:
            return Cells(numbers, _ALL_PARSED)
        types = set(map(type, cells))
        cell_type = next(iter(types - {NoneType}), NoneType)
        # Cells of several types make a column whose type may change their values, such as integers among floats.
        if cell_type not in self._values or len(types) > (2 if cell_type is str and NoneType in types else 1):
            return table_cells(table, self._guess)
        values = self._values[cell_type]
        try:
            return Cells(np.array([values[cell] for cell in cells], self._dtype), _ALL_PARSED)
        except KeyError:
            return self._remembered(cells, values)

    def _numbers(self, cells: list[Any]) -> np.ndarray | None:
        """Cells that are numbers or missing; None if any is something else, or may lose digits as a float."""
        numbers = []
        for cell in cells:
            if cell is None:
                numbers.append(np.nan)
            elif type(cell) not in _NUMBERS:  # before any comparison, which pd.NA, arrays and signalling NaNs refuse
                return None
            elif cell != cell:
                numbers.append(np.nan)
            elif not -_MAX_EXACT < cell < _MAX_EXACT:
                return None
            else:
                numbers.append(np.nan if cell in self._missing_numbers else cell)
        return np.array(numbers, np.float64)

    def _remembered(self, cells: list[Any], values: dict[Any, Any]) -> Cells:
        parsed = table_cells(read({self._guess.name: cells}), self._guess)
        if self._dtype is None:
            self._dtype = parsed.values.dtype
        if parsed.values.dtype == self._dtype and not len(parsed.unparsed):
            if len(values) + len(cells) > MAX_REMEMBERED:
                values.clear()
            pairs = zip(cells, parsed.values, strict=True)
            values.update((cell, value) for cell, value in pairs if not _is_long(cell))
        return parsed


_NUMBERS = (float, int, np.float64, np.int64)


def _is_long(cell: Any) -> bool:
    return type(cell) is str and len(cell) > MAX_CELL_LENGTH
