"""NumPy's masked arrays as arrays in which masked cells are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def unmasked(values: Any) -> Any:
    """Rows without masks: what NumPy masks is missing, that is, NaN among floats and None among other values.

    Of arrays with three axes or more, such as images, rows that are masked entirely become None.

    Args:
        values: an array, a list, a dict of columns; anything else is returned as it is.

    >>> [unmasked(np.ma.array(cells, mask=[False, True])).tolist() for cells in ([1.5, 2.5], [1, 2])]
    [[1.5, nan], [1, None]]
    """
    if type(values) is np.ndarray:  # by far the most frequent
        return values
    if isinstance(values, Mapping):
        columns = {name: unmasked(column) for name, column in values.items()}
        return columns if any(columns[name] is not column for name, column in values.items()) else values
    if isinstance(values, list | tuple):
        is_masked = any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, values)))
        return [None if cell is np.ma.masked else unmasked(cell) for cell in values] if is_masked else values
    if not isinstance(values, np.ma.MaskedArray) or values.dtype.names:
        return values
    mask, array = np.ma.getmaskarray(values), np.asarray(values.data)
    if not mask.any():
        return array
    if array.dtype.kind == "f" or array.ndim > 2:
        array = np.where(mask, np.nan, array.astype(np.result_type(array, np.float32)))
        rows = zip(np.all(mask.reshape(len(mask), -1), axis=1).tolist(), array, strict=True)
        return [None if is_absent else row for is_absent, row in rows] if array.ndim > 2 else array
    array = array.astype(object)
    array[mask] = None
    return array
