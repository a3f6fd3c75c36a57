"""Reads rows of several images in any format as one list of images per row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.errors import DataError, did_you_mean
from medley.image.image_files import is_base64
from medley.image.pixels import is_image, is_missing

_PATH_SEPARATOR = re.compile(r";(?!\s*(?:base64|charset))")  # data URIs contain semicolons


@dataclass(frozen=True)
class SetRows:
    """Rows of several images.

    Args:
        images: a list per row; None where a position is empty.
        columns: number of columns they were passed in; 0 if they were passed as rows.
        names: of the columns, if there are several named ones.
    """

    images: list[list[Any]]
    columns: int = 0
    names: list[str] | None = None


def read_sets(values: Any, names: Sequence[str] | None = None) -> SetRows:
    """Reads rows in any format.

    Args:
        values: a list of rows, each a list or tuple of images, paths joined by `;`, one image, an array (S, H, W, C),
            or nothing; an array (B, S, H, W, C) or (B, H, W, C); or columns with one or several images per cell: a
            frame, a dict of columns or an array (B, M) of objects.
        names: the columns to read, in this order; others are ignored.

    Raises:
        DataError: values have none of these formats, or a column is missing.

    >>> read_sets(["a.png; b.png", None, ["c.png", None]]).images
    [['a.png', 'b.png'], [], ['c.png', None]]
    >>> read_sets({"front": ["a.png", None], "kitchen": ["b.png", "c.png"]})
    SetRows(images=[['a.png', 'b.png'], [None, 'c.png']], columns=2, names=['front', 'kitchen'])
    """
    if is_image(values):
        raise DataError(
            f"Expected rows of images, got one {type(values).__name__}: {str(values)[:80]!r}; put it into a list."
        )
    columns = _as_columns(values)
    if columns is not None:
        return _join_columns(columns, names)
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
        return _join_columns(
            {str(column): list(array[:, column]) for column in range(array.shape[1])}, None, has_names=False
        )
    return SetRows([images_of(row) for row in array])


def images_of(row: Any) -> list[Any]:
    """The images of one row, with None where a position is empty.

    >>> images_of("a.png;;b.png"), images_of(float("nan")), images_of(np.zeros((5, 8, 8, 3)))[0].shape
    (['a.png', None, 'b.png'], [], (8, 8, 3))
    """
    row = row.detach().cpu().numpy() if hasattr(row, "detach") else row
    if isinstance(row, str) and not is_base64(row):
        parts = [part.strip() for part in _PATH_SEPARATOR.split(row)]
        return [part or None for part in parts] if any(parts) else []
    if isinstance(row, list | tuple):
        return [None if _is_empty(image) else image for image in row]
    if isinstance(row, np.ndarray) and (row.ndim == 4 or (row.dtype == object and row.ndim == 1)):
        return [None if _is_empty(image) else image for image in row]
    return [] if _is_empty(row) else [row]


def _is_empty(item: Any) -> bool:
    try:
        return is_missing(item)
    except DataError:  # not an image: reported with its row when it is read
        return False


def _as_columns(values: Any) -> dict[str, list[Any]] | None:
    if isinstance(values, Mapping):
        return {str(name): list(column) for name, column in values.items()}
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        return {str(name): list(values.iloc[:, index]) for index, name in enumerate(values.columns)}
    if hasattr(values, "__arrow_c_stream__") and hasattr(values, "columns"):
        import pyarrow

        table = pyarrow.table(values)
        return {name: table.column(name).to_pylist() for name in table.column_names}
    return None


def _join_columns(columns: Mapping[str, list[Any]], names: Sequence[str] | None, *, has_names: bool = True) -> SetRows:
    if len({len(column) for column in columns.values()}) != 1:
        lengths = {name: len(column) for name, column in columns.items()}
        raise DataError(f"There must be one or more columns of images, all of one length, got {lengths}.")
    selected = list(columns) if names is None or not has_names else list(names)
    missing = [name for name in selected if name not in columns]
    if missing:
        raise DataError(
            f"Columns of images are missing: {', '.join(map(repr, missing))}.{did_you_mean(missing[0], columns)}"
        )
    if len(selected) == 1:
        return SetRows([images_of(cell) for cell in columns[selected[0]]], 1)
    rows = zip(*(columns[name] for name in selected), strict=True)
    return SetRows([_images_of_cells(row) for row in rows], len(selected), selected if has_names else None)


def _images_of_cells(cells: Sequence[Any]) -> list[Any]:
    """The images of a row's cells; an empty cell keeps its position."""
    return [image for cell in cells for image in (images_of(cell) or [None])]
