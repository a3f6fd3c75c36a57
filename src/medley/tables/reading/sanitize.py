"""Makes the cells of a table safe: no cell can make hashing, printing, copying or comparing it fail later."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MAX_DEPTH = 16
"""How deep lists in cells may be nested: several images per cell, as lists, need 4 levels."""

_SAFE = (bool, float, bytes, date, time, timedelta, np.number, np.bool_, np.datetime64, np.timedelta64, type(None))
_MISSING = ("NAType", "NaTType", "MaskedConstant")  # by name, because pandas is imported late
_ARRAY_MARKS = ("detach", "getbands", "__array__")  # of tensors, Pillow images, and arrays of other libraries


class UnreadableCell:
    """Stands for a cell that nothing can read.

    Args:
        type_name: the type of the original cell.
        reason: why it cannot be read.

    >>> str(UnreadableCell("list", "it is nested more than 16 levels deep"))
    'list: it is nested more than 16 levels deep'
    """

    def __init__(self, type_name: str, reason: str) -> None:
        self.type_name = type_name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.type_name}: {self.reason}"


def sanitized(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace the cells of a frame that would fail later; a frame without such cells is returned itself.

    Byte buffers and files in memory become bytes, arrays without axes single values, signalling NaN missing, whole
    numbers beyond the range of floats infinite, and lone surrogates question marks. Lists that are nested too deep or
    contain themselves, and objects that cannot be hashed or printed, become `UnreadableCell`.

    >>> import pandas as pd
    >>> sanitized(pd.DataFrame({"a": [np.array(2), 10**400]}, dtype=object))["a"].tolist()
    [2, inf]
    """
    import pandas as pd

    changes = {}
    for position, dtype in enumerate(frame.dtypes):
        if dtype.kind == "O" and getattr(dtype, "storage", None) != "pyarrow":  # strings of Arrow are valid
            series = frame.iloc[:, position]
            cells = sanitized_cells(series.array)
            if cells is not None:
                changes[position] = pd.Series(cells, index=series.index, dtype=object)
    if not changes:
        return frame
    columns = [changes.get(position, frame.iloc[:, position]) for position in range(frame.shape[1])]
    return pd.concat(columns, axis=1).set_axis(frame.columns, axis=1)


def sanitized_cells(cells: Iterable[Any]) -> list[Any] | None:
    """The cells with unsafe ones replaced; None if all are safe."""
    original = list(cells)
    if all(issubclass(cell_type, _SAFE) for cell_type in set(map(type, original))):
        return None
    replaced = [sanitized_cell(cell) for cell in original]
    return replaced if any(new is not old for new, old in zip(replaced, original, strict=True)) else None


def sanitized_cell(cell: Any) -> Any:
    """The cell itself if it is safe, else its replacement."""
    if isinstance(cell, _SAFE) or type(cell).__name__ in _MISSING:
        return cell if type(cell).__hash__ is not None else None  # NumPy's masked cells have no hash
    try:
        return _container(cell) if isinstance(cell, list | tuple | set | frozenset | dict) else _single(cell)
    except Exception as error:  # whatever a foreign object raises
        return UnreadableCell(type(cell).__name__, f"{type(error).__name__}: {error}")


def _single(cell: Any) -> Any:
    if isinstance(cell, str):
        return _without_surrogates(cell)
    if isinstance(cell, int):
        return cell if cell.bit_length() < 1024 else float("inf") if cell > 0 else float("-inf")
    if isinstance(cell, Decimal):
        return cell if not cell.is_nan() else None
    if isinstance(cell, bytearray | memoryview):
        return bytes(cell)
    if isinstance(cell, io.BytesIO | io.StringIO):
        return sanitized_cell(cell.getvalue())
    if isinstance(cell, np.ndarray) and cell.dtype == object and cell.ndim:
        return _object_array(cell)
    if isinstance(cell, np.void):
        return sanitized_cell(cell.item())
    if getattr(cell, "ndim", None) == 0 and hasattr(cell, "item") and not isinstance(cell, np.generic):
        item = cell.item()
        return item if item is cell else sanitized_cell(item)
    if isinstance(cell, UnreadableCell | Mapping) or any(hasattr(cell, mark) for mark in _ARRAY_MARKS[:2]):
        return cell
    if hasattr(cell, "__array__") and not isinstance(cell, np.generic):
        return cell
    str(cell)
    if type(cell).__hash__ is not None:
        hash(cell)
        bool(cell == cell)  # as the table of a hash does
    return cell


def _without_surrogates(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _container(cell: Any) -> Any:
    if _is_deep(cell):
        return UnreadableCell(type(cell).__name__, f"it is nested more than {MAX_DEPTH} levels deep")
    return _replaced(cell)


def _object_array(cell: np.ndarray) -> Any:
    items = _container(cell.tolist())
    if isinstance(items, UnreadableCell):
        return items
    flat = cell.ravel().tolist()
    return cell if all(sanitized_cell(item) is item for item in flat) else items


def _is_deep(cell: Any) -> bool:
    """Whether containers are nested too deep; level by level, so that one that contains itself ends, too."""
    level = [cell]
    for _ in range(MAX_DEPTH):
        inner = {id(item): item for container in level for item in _items(container) if _is_container(item)}
        if not inner:
            return False
        level = list(inner.values())
    return True


def _items(container: Any) -> Iterable[Any]:
    if isinstance(container, dict):
        return container.values()
    return container.tolist() if isinstance(container, np.ndarray) else container


def _is_container(item: Any) -> bool:
    if isinstance(item, np.ndarray):
        return item.dtype == object and item.ndim > 0
    return isinstance(item, list | tuple | set | frozenset | dict)


def _replaced(cell: Any) -> Any:
    if isinstance(cell, dict):
        values = {key: _inner(value) for key, value in cell.items()}
        return values if any(values[key] is not value for key, value in cell.items()) else cell
    if all(issubclass(item_type, _SAFE) for item_type in set(map(type, cell))):
        return cell
    items = [_inner(item) for item in cell]
    if all(new is old for new, old in zip(items, cell, strict=True)):
        return cell
    return items if isinstance(cell, tuple) else type(cell)(items)


def _inner(item: Any) -> Any:
    if _is_container(item):
        return _replaced(item) if not isinstance(item, np.ndarray) else _object_array(item)
    return sanitized_cell(item)
