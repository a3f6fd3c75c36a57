"""Columns of a time series: standardised numbers and one-hot encoded categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medley.core.floats import LARGEST_SCALED, LARGEST_SQUARED, limited
from medley.core.row_reporting import row_number
from medley.errors import DataError, ErrorCollector

MAX_CATEGORIES = 50


@dataclass(frozen=True)
class SeriesColumn:
    """The encoding of one column.

    Args:
        name: the column's name in the table.
        categories: the most frequent first; None for a numeric column.
        mean: of the training rows, of a numeric column.
        scale: standard deviation of the training rows, 1 for a constant column.
    """

    name: str
    categories: tuple[str, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Number of encoded values per step."""
        return 1 if self.categories is None else len(self.categories)

    def fit(self, cells: np.ndarray) -> SeriesColumn:
        """Returns the column with categories or statistics of its training cells (B,)."""
        if self.categories is not None:
            counts = Counter(str(cell) for cell in cells[~missing_mask(cells)])
            frequent = sorted(counts, key=lambda category: (-counts[category], category))[:MAX_CATEGORIES]
            return replace(self, categories=tuple(frequent))
        numbers = as_numbers(cells)
        finite = limited(numbers[np.isfinite(numbers)], LARGEST_SQUARED) if numbers is not None else np.zeros(0)
        if not len(finite):
            return self
        spread = float(finite.std())
        return replace(self, mean=float(finite.mean()), scale=spread if spread > 1e-12 else 1.0)

    def encode(self, cells: np.ndarray) -> np.ndarray:
        """Encodes cells (B,) as (B, width): missing numbers are forward-filled, a missing category is all zeros.

        Raises:
            DataError: a numeric column contains something else.
        """
        if self.categories is not None:
            codes = {category: code for code, category in enumerate(self.categories)}
            rows = np.array([codes.get(str(cell), len(codes)) for cell in cells], np.int64)
            rows[missing_mask(cells)] = len(codes)
            return np.eye(len(codes) + 1, len(codes), dtype=np.float32)[rows]
        numbers = as_numbers(cells)
        if numbers is None:
            raise DataError(
                f"The column {self.name!r} was numeric in the training rows, but has {_first_non_number(cells)!r} now. "
                f'Declare it with column_types={{{self.name!r}: "categorical"}}, or correct the value.'
            )
        filled = forward_fill(numbers)
        with np.errstate(over="ignore"):
            scaled = limited((filled - self.mean) / self.scale, LARGEST_SCALED)
        return np.where(np.isfinite(filled), scaled, 0.0).astype(np.float32)[:, None]


def read_columns(values: Any, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Reads a table in any format as a dict of column name -> cells (B,).

    Args:
        values: an array or list of rows (B, C), any of them None, one column (B,), a frame or a dict of columns.
        names: of the columns, if the table has no names.

    Raises:
        DataError: the number of columns differs from that of names, or rows differ in length.

    >>> read_columns([[1, "a"], None], ["x", "y"])["y"]
    array(['a', None], dtype=object)
    """
    if isinstance(values, Mapping):
        return {str(name): _cells(column) for name, column in values.items()}
    if hasattr(values, "columns") and hasattr(values, "__getitem__"):
        return {str(name): _cells(values[name]) for name in values.columns}
    table = _as_table(values)
    labels = [str(i) for i in range(table.shape[1])] if names is None else [str(name) for name in names]
    if len(labels) != table.shape[1]:
        raise DataError(f"column_names has {len(labels)} columns {labels}, but the rows have {table.shape[1]}.")
    return dict(zip(labels, table.T, strict=True))


def select_columns(columns: Mapping[str, np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """The columns with these names, in order.

    Raises:
        DataError: some are missing; all are listed.
    """
    errors = ErrorCollector()
    for name in names:
        if name not in columns:
            errors.add(f"The column {name!r} is missing; the columns are {', '.join(map(repr, columns)) or 'none'}.")
    errors.raise_if_any(DataError)
    return [columns[name] for name in names]


def as_numbers(cells: np.ndarray) -> np.ndarray | None:
    """Cells (B,) as numbers, NaN where missing; times in seconds. None if a cell is not a number."""
    if cells.dtype.kind == "M":
        return np.where(np.isnat(cells), np.nan, cells.astype("datetime64[s]").astype(np.float64))
    if cells.dtype.kind in "biuf":
        return cells.astype(np.float64)
    try:
        return np.where(missing_mask(cells), np.nan, cells).astype(np.float64)
    except (TypeError, ValueError):
        return None


def missing_mask(cells: np.ndarray) -> np.ndarray:
    """Which cells (B,) are missing: None, NaN, NA, NaT."""
    if cells.dtype.kind != "O":
        return np.isnat(cells) if cells.dtype.kind == "M" else ~(cells == cells)
    na_types = ("NAType", "NaTType")  # missing values of pandas, which cannot be compared
    return np.array([cell is None or type(cell).__name__ in na_types or _is_nan(cell) for cell in cells], bool)


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float | complex | np.generic) and bool(cell != cell)


def forward_fill(numbers: np.ndarray) -> np.ndarray:
    """Replaces each NaN in numbers (B,) by the last number before it; NaN if there is none.

    >>> forward_fill(np.array([np.nan, 1.0, np.nan, 3.0]))
    array([nan, 1., 1., 3.])
    """
    is_finite = np.isfinite(numbers)
    last = np.maximum.accumulate(np.where(is_finite, np.arange(len(numbers)), -1))
    return np.where(last >= 0, numbers[np.maximum(last, 0)], np.nan)


def _cells(column: Any) -> np.ndarray:
    cells = np.asarray(column)
    if cells.dtype.kind in "biufM":
        return cells
    cells = np.empty(len(column), object)
    cells[:] = list(column)
    return cells


def _as_table(values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a tensor; torch is not imported here
        values = values.detach().cpu().numpy()
    if isinstance(values, list | tuple):
        width = next((len(row) for row in values if _is_row(row)), 1)
        rows = [[None] * width if row is None else list(row) if _is_row(row) else [row] for row in values]
        ragged = next((i for i, row in enumerate(rows) if len(row) != width), None)
        if ragged is not None:
            got = f"row {row_number(ragged)} has {len(rows[ragged])}"
            raise DataError(f"All rows must have {width} columns like the first, but {got}.")
        table = np.empty((len(rows), width), object)
        for i, row in enumerate(rows):
            table[i] = row
        return table
    table = np.asarray(values)
    table = table.astype(object) if table.dtype.kind in "US" else table
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise DataError(
            f"A time series must be rows in order of time (B, C), got {type(values).__name__} {table.shape}."
        )
    return table


def _is_row(row: Any) -> bool:
    return isinstance(row, list | tuple) or (isinstance(row, np.ndarray) and row.ndim > 0)


def _first_non_number(cells: np.ndarray) -> Any:
    return next(cell for cell in cells if as_numbers(np.array([cell], object)) is None)
