"""Rows of several images in any form -> one list of images per row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.errors import DataError, did_you_mean
from medley.image.pixels import is_image, is_missing
from medley.image.sources import is_base64

_BETWEEN_PATHS = re.compile(r";(?!\s*(?:base64|charset))")  # a data URI holds semicolons of its own


@dataclass(frozen=True)
class SetRows:
    """Rows of several images.

    Args:
        images: a list per row; None where a place is empty.
        columns: how many columns they came in; 0 where they came as rows.
        names: of the columns, where there are several that have names.
    """

    images: list[list[Any]]
    columns: int = 0
    names: list[str] | None = None


def read_sets(values: Any, names: Sequence[str] | None = None) -> SetRows:
    """Reads rows of any form.

    Args:
        values: a list of rows, each a list or tuple of images, paths joined by `;`, one image, an array (S, H, W, C),
            or nothing; an array (B, S, H, W, C) or (B, H, W, C); or columns with one image per row and column, or again
            several: a frame, a dict of columns or an array (B, M) of objects.
        names: the columns that are wanted, in order; others are left out.

    Raises:
        DataError: it is none of these, or a wanted column is not there.

    >>> read_sets(["a.png; b.png", None, ["c.png", None]]).images
    [['a.png', 'b.png'], [], ['c.png', None]]
    >>> read_sets({"front": ["a.png", None], "kitchen": ["b.png", "c.png"]})
    SetRows(images=[['a.png', 'b.png'], [None, 'c.png']], columns=2, names=['front', 'kitchen'])
    """
    if is_image(values):
        raise DataError(
            f"Rows of images were expected, got one {type(values).__name__}: {str(values)[:80]!r}; list it."
        )
    columns = _columns(values)
    if columns is not None:
        return _joined(columns, names)
    if isinstance(values, list | tuple):
        return SetRows([images_of(row) for row in values])
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    if array.dtype.kind in "buif" and array.ndim in (3, 4, 5):
        return SetRows([images_of(row) for row in array])
    if array.dtype.kind not in "OUS" or array.ndim not in (1, 2):
        raise DataError(
            "Rows of several images must be a list of lists, columns of images, or an array (rows, images, height, "
            f"width, channels), got {type(values).__name__} of shape {array.shape}."
        )
    if array.ndim == 2:
        return _joined({str(place): list(array[:, place]) for place in range(array.shape[1])}, None, named=False)
    return SetRows([images_of(row) for row in array])


def images_of(row: Any) -> list[Any]:
    """The images of one row, with None where a place is empty.

    >>> images_of("a.png;;b.png"), images_of(float("nan")), images_of(np.zeros((5, 8, 8, 3)))[0].shape
    (['a.png', None, 'b.png'], [], (8, 8, 3))
    """
    row = row.detach().cpu().numpy() if hasattr(row, "detach") else row
    if isinstance(row, str) and not is_base64(row):
        parts = [part.strip() for part in _BETWEEN_PATHS.split(row)]
        return [part or None for part in parts] if any(parts) else []
    if isinstance(row, list | tuple):
        return [None if _is_empty(one) else one for one in row]
    if isinstance(row, np.ndarray) and (row.ndim == 4 or (row.dtype == object and row.ndim == 1)):
        return [None if _is_empty(one) else one for one in row]
    return [] if _is_empty(row) else [row]


def _is_empty(item: Any) -> bool:
    try:
        return is_missing(item)
    except DataError:  # no image at all: whoever reads it tells its row
        return False


def _columns(values: Any) -> dict[str, list[Any]] | None:
    if isinstance(values, Mapping):
        return {str(name): list(column) for name, column in values.items()}
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        return {str(name): list(values.iloc[:, place]) for place, name in enumerate(values.columns)}
    if hasattr(values, "__arrow_c_stream__") and hasattr(values, "columns"):
        import pyarrow

        table = pyarrow.table(values)
        return {name: table.column(name).to_pylist() for name in table.column_names}
    return None


def _joined(columns: Mapping[str, list[Any]], names: Sequence[str] | None, *, named: bool = True) -> SetRows:
    if len({len(column) for column in columns.values()}) != 1:
        told = {name: len(column) for name, column in columns.items()}
        raise DataError(f"Columns of images must be of one length, and there must be one at least, got {told}.")
    wanted = list(columns) if names is None or not named else list(names)
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise DataError(
            f"Columns of images are missing: {', '.join(map(repr, missing))}.{did_you_mean(missing[0], columns)}"
        )
    if len(wanted) == 1:
        return SetRows([images_of(cell) for cell in columns[wanted[0]]], 1)
    rows = zip(*(columns[name] for name in wanted), strict=True)
    return SetRows([_row(row) for row in rows], len(wanted), wanted if named else None)


def _row(cells: Sequence[Any]) -> list[Any]:
    """The images of a row's cells; a cell that holds none keeps its place."""
    return [one for cell in cells for one in (images_of(cell) or [None])]
