"""Columns of a series as numbers per step: standardised, or one per category."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medley.core.numbering import row_number
from medley.errors import DataError, ErrorCollector

MOST_CATEGORIES = 50


@dataclass(frozen=True)
class Column:
    """How one column becomes numbers.

    Args:
        name: the caller's name of it.
        categories: the most frequent first; None for a numeric column.
        mean: of the training rows, where numeric.
        scale: standard deviation of the training rows, 1 where they do not vary.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Numbers per step."""
        return 1 if self.categories is None else len(self.categories)

    def fit(self, cells: np.ndarray) -> Column:
        """The column with what its training cells (B,) teach."""
        if self.categories is not None:
            counts = Counter(str(cell) for cell in cells[~missing(cells)])
            frequent = sorted(counts, key=lambda one: (-counts[one], one))[:MOST_CATEGORIES]
            return replace(self, categories=tuple(frequent))
        numbers = as_numbers(cells)
        known = numbers[np.isfinite(numbers)] if numbers is not None else np.zeros(0)
        if not len(known):
            return self
        spread = float(known.std())
        return replace(self, mean=float(known.mean()), scale=spread if spread > 1e-12 else 1.0)

    def encode(self, cells: np.ndarray) -> np.ndarray:
        """Cells (B,) -> (B, width): a missing number takes the last known one's place, a missing category is zeros.

        Raises:
            DataError: a numeric column holds something else.
        """
        if self.categories is not None:
            places = {category: place for place, category in enumerate(self.categories)}
            rows = np.array([places.get(str(cell), len(places)) for cell in cells], np.int64)
            rows[missing(cells)] = len(places)
            return np.eye(len(places) + 1, len(places), dtype=np.float32)[rows]
        numbers = as_numbers(cells)
        if numbers is None:
            raise DataError(
                f"The column {self.name!r} was numeric in the training rows, but now holds {_odd_one(cells)!r}. "
                f'Declare it with column_types={{{self.name!r}: "categorical"}}, or mend the value.'
            )
        scaled = (carried(numbers) - self.mean) / self.scale
        return np.where(np.isfinite(scaled), scaled, 0.0).astype(np.float32)[:, None]


def read_columns(values: Any, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """A table in any form -> name -> cells (B,).

    Args:
        values: an array or list of rows (B, C) of which any may be None, one column (B,), a frame, a dict of
            columns.
        names: what columns are called where the table does not say it.

    Raises:
        DataError: there are more or fewer columns than names, or rows of differing lengths.

    >>> read_columns([[1, "a"], None], ["x", "y"])["y"]
    array(['a', None], dtype=object)
    """
    if isinstance(values, Mapping):
        return {str(name): _cells(column) for name, column in values.items()}
    if hasattr(values, "columns") and hasattr(values, "__getitem__"):
        return {str(name): _cells(values[name]) for name in values.columns}
    table = _table(values)
    named = [str(place) for place in range(table.shape[1])] if names is None else [str(name) for name in names]
    if len(named) != table.shape[1]:
        raise DataError(f"column_names tells {len(named)} columns {named}, but the rows have {table.shape[1]}.")
    return dict(zip(named, table.T, strict=True))


def pick(columns: Mapping[str, np.ndarray], wanted: Sequence[str]) -> list[np.ndarray]:
    """The wanted columns, in order.

    Raises:
        DataError: some are missing; tells all of them.
    """
    errors = ErrorCollector()
    for name in wanted:
        if name not in columns:
            errors.add(f"The column {name!r} is missing; there are {', '.join(map(repr, columns)) or 'none'}.")
    errors.raise_if_any(DataError)
    return [columns[name] for name in wanted]


def as_numbers(cells: np.ndarray) -> np.ndarray | None:
    """Cells (B,) as numbers, NaN where missing; moments count in seconds. None where a cell is no number."""
    if cells.dtype.kind == "M":
        return np.where(np.isnat(cells), np.nan, cells.astype("datetime64[s]").astype(np.float64))
    if cells.dtype.kind in "biuf":
        return cells.astype(np.float64)
    try:
        return np.where(missing(cells), np.nan, cells).astype(np.float64)
    except (TypeError, ValueError):
        return None


def missing(cells: np.ndarray) -> np.ndarray:
    """Where cells (B,) hold nothing: None, NaN, NA, NaT."""
    if cells.dtype.kind != "O":
        return np.isnat(cells) if cells.dtype.kind == "M" else ~(cells == cells)
    words = ("NAType", "NaTType")  # pandas' own, which cannot be compared
    return np.array([cell is None or type(cell).__name__ in words or cell != cell for cell in cells], bool)


def carried(numbers: np.ndarray) -> np.ndarray:
    """The numbers (B,), each NaN replaced by the last number before it; NaN where there is none.

    >>> carried(np.array([np.nan, 1.0, np.nan, 3.0]))
    array([nan, 1., 1., 3.])
    """
    known = np.isfinite(numbers)
    last = np.maximum.accumulate(np.where(known, np.arange(len(numbers)), -1))
    return np.where(last >= 0, numbers[np.maximum(last, 0)], np.nan)


def _cells(column: Any) -> np.ndarray:
    cells = np.asarray(column)
    if cells.dtype.kind in "biufM":
        return cells
    cells = np.empty(len(column), object)
    cells[:] = list(column)
    return cells


def _table(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a tensor; torch is not imported here
        values = values.detach().cpu().numpy()
    if isinstance(values, list | tuple):
        width = next((len(row) for row in values if _is_row(row)), 1)
        rows = [[None] * width if row is None else list(row) if _is_row(row) else [row] for row in values]
        odd = next((place for place, row in enumerate(rows) if len(row) != width), None)
        if odd is not None:
            got = f"row {row_number(odd)} has {len(rows[odd])}"
            raise DataError(f"All rows must have {width} columns like the first, but {got}.")
        table = np.empty((len(rows), width), object)
        for place, row in enumerate(rows):
            table[place] = row
        return table
    table = np.asarray(values)
    table = table.astype(object) if table.dtype.kind in "US" else table
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise DataError(
            f"A series comes as rows in the order of time (B, C), got {type(values).__name__} {table.shape}."
        )
    return table


def _is_row(row: Any) -> bool:
    return isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim > 0)


def _odd_one(cells: np.ndarray) -> Any:
    return next(cell for cell in cells if as_numbers(np.array([cell], object)) is None)
