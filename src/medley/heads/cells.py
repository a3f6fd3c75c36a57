"""Converts tables of any type to numbers with NaN for missing cells. NumPy only."""

from __future__ import annotations

import numpy as np

from medley.core.row_reporting import row_number
from medley.errors import DataError

PLAIN_TYPES = {int, float, bool, type(None)}


def as_numbers(table: np.ndarray, noun: str) -> np.ndarray:
    """Cells (B, n) of any type -> float64 (B, n), NaN where missing.

    Args:
        table: cells.
        noun: the name of the table in errors ("Numeric targets").

    Raises:
        DataError: a cell is not a number; the message names its row and column.

    >>> as_numbers(np.array([[1, None]], dtype=object), "Targets")
    array([[ 1., nan]])
    """
    if table.dtype.kind in "biuf":
        return table.astype(np.float64)
    if table.dtype.kind == "O" and set(map(type, table.reshape(-1).tolist())) <= PLAIN_TYPES:
        return table.astype(np.float64)
    import pandas

    numbers = np.full(table.shape, np.nan)
    for row, column in np.argwhere(~pandas.isna(table)).tolist():
        numbers[row, column] = _number(table[row, column], f"{noun} must be numbers, got", (row, column))
    return numbers


def _number(cell: object, message: str, position: tuple[int, int]) -> float:
    where = f"in row {row_number(position[0])}, column {position[1]}"
    cell = cell.item() if isinstance(cell, np.str_ | np.bytes_ | np.complexfloating) else cell
    # Dates and complex numbers would silently be converted to floats, and strings of digits may be category codes.
    if isinstance(cell, str | bytes | np.datetime64 | np.timedelta64 | complex):
        raise DataError(f"{message} {cell!r} {where}.")
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise DataError(f"{message} {cell!r} ({type(cell).__name__}) {where}.") from None
