"""Helpers for cells that are lists, sets, arrays, tensors or other objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from medley.tables.reading.sanitize import UnreadableCell


def items_of(cell: Any) -> list[Any]:
    """The items of a list, set, array or tensor; anything else is its own single item."""
    if hasattr(cell, "detach"):
        cell = cell.detach().cpu().numpy()
    if isinstance(cell, np.ndarray):
        return list(cell) if cell.ndim > 1 or cell.dtype == object else cell.tolist()
    if isinstance(cell, set | frozenset):
        return sorted(cell, key=str)
    return list(cell) if isinstance(cell, list | tuple) else [cell]


def array_of(cell: Any) -> np.ndarray | None:
    """Convert a nested list, or arrays of arrays as Arrow returns them, to one numeric array; None if not possible."""
    try:
        array = np.asarray(_unboxed(cell))
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "buif" and array.ndim else None


def is_boxed(cell: Any) -> bool:
    """Whether a cell is an array of objects, as Arrow returns lists of lists."""
    return isinstance(cell, np.ndarray) and cell.dtype.kind == "O"


def is_list_like(cell: Any) -> bool:
    """Whether a cell is a list, tuple, set, array or tensor.

    >>> is_list_like([1]), is_list_like("text")
    (True, False)
    """
    return isinstance(cell, list | tuple | set | frozenset | np.ndarray) or hasattr(cell, "detach")


def type_names(cells: Iterable[Any]) -> str:
    """The types of cells, at most four.

    >>> type_names([1, "a", 2])
    'int, str'
    """
    names = {cell.type_name if isinstance(cell, UnreadableCell) else type(cell).__name__ for cell in cells}
    return ", ".join(sorted(names)[:4])


def _unboxed(cell: Any) -> Any:
    if isinstance(cell, np.ndarray):
        return _unboxed(cell.tolist()) if cell.dtype == object else cell
    if isinstance(cell, Sequence) and not isinstance(cell, str | bytes):
        return [_unboxed(item) for item in cell]
    return float("nan") if cell is None else cell
