"""Columns of cells in any form: joined, with a missing cell, as text."""

from __future__ import annotations

from typing import Any

import numpy as np

LONGEST = 200
"""Characters of a cell that are shown."""


def joined_cells(first: Any, second: Any) -> Any:
    """The cells of one column of two tables, one after the other.

    >>> joined_cells(np.array([1.0]), np.array([2.0])).tolist(), joined_cells(["a"], ["b", None])
    ([1.0, 2.0], ['a', 'b', None])
    """
    first, second = _host(first), _host(second)
    if hasattr(first, "iloc") and hasattr(second, "iloc"):
        import pandas as pd

        return pd.concat([first, second], ignore_index=True)
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray) and first.shape[1:] == second.shape[1:]:
        return np.concatenate([first, second])
    return [*first, *second]


def with_missing_cell(cells: Any) -> Any:
    """The cells of a column and a missing one after them.

    >>> with_missing_cell(np.array([1, 2])), with_missing_cell(np.array(["a"], object)).tolist()
    (array([ 1.,  2., nan]), ['a', None])
    """
    cells = _host(cells)
    if hasattr(cells, "iloc"):
        return cells.reset_index(drop=True).reindex(range(len(cells) + 1))
    if not isinstance(cells, np.ndarray):
        return [*cells, None]
    if cells.dtype.kind in "mM":
        return np.concatenate([cells, np.array(["NaT"], cells.dtype)])
    if cells.dtype.kind in "iuf" and cells.ndim <= 2:
        missing = np.full((1, *cells.shape[1:]), np.nan, cells.dtype if cells.dtype.kind == "f" else np.float64)
        return np.concatenate([cells.astype(missing.dtype), missing])
    if cells.ndim == 1:
        return np.concatenate([cells.astype(object), np.array([None], dtype=object)])
    return [*cells, None]


def cell_text(cell: Any) -> str:
    """A cell as text; empty for images and the like.

    >>> cell_text(3.0), cell_text(None), cell_text(np.zeros((2, 2)))
    ('3', 'missing', '')
    """
    if hasattr(cell, "item") and getattr(cell, "ndim", 1) == 0:
        cell = cell.item()
    if getattr(cell, "ndim", 0) or (getattr(cell, "size", None) is not None and not isinstance(cell, str)):
        return ""  # an array or an image
    if cell is None or cell != cell or str(cell) in ("NaT", "<NA>"):
        return "missing"
    if isinstance(cell, float):
        return f"{cell:.10g}"
    if isinstance(cell, list | tuple | set) and all(isinstance(item, str | int | float) for item in cell):
        return _cut(", ".join(map(str, cell)))
    return _cut(str(cell)) if isinstance(cell, str | int) or hasattr(cell, "isoformat") else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _host(cells: Any) -> Any:
    return cells.detach().cpu().numpy() if hasattr(cells, "detach") else cells
