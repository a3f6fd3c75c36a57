"""What a column of lists, arrays, bytes or other objects holds: images, sets of labels, vectors, series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medley.core.kinds import Kind
from medley.tables.columns.profile import ColumnProfile, KindGuess, is_absent
from medley.tables.formats.images import (
    array_of,
    has_image_ending,
    is_image_array,
    is_image_base64,
    is_image_bytes,
)

_MOST = 200


def judge_objects(profile: ColumnProfile) -> KindGuess:
    """Judges a column whose cells are no single values."""
    cells = profile.cells[:: max(-(-len(profile.cells) // _MOST), 1)]
    if all(map(is_one_image, cells)):
        return KindGuess(Kind.IMAGE, f"its cells are images ({_types(cells)})", 0.98)
    if not all(
        isinstance(cell, list | tuple | set | frozenset | np.ndarray) or hasattr(cell, "detach") for cell in cells
    ):
        return KindGuess(Kind.UNUSED, f"nothing reads its cells ({_types(cells)})", 0.9)
    lists = [items_of(cell) for cell in cells]
    items = [item for one in lists for item in one if not is_absent(item)]
    if not items:
        return KindGuess(Kind.UNUSED, "its lists are empty", 0.9)
    if all(is_one_image(item) or _is_image_name(item) for item in items):
        return KindGuess(Kind.IMAGE, "its cells are lists of images", 0.95, "several")
    if all(isinstance(item, str) for item in items):
        return KindGuess(Kind.SET, "its cells are lists of labels", 0.98, labels=len(set(items)))
    return _judge_numbers(cells, lists, items)


def _judge_numbers(cells: list[Any], lists: list[list[Any]], items: list[Any]) -> KindGuess:
    arrays = [array_of(cell) for cell in cells]
    known = [array for array in arrays if array is not None]
    if len(known) < len(arrays):
        return KindGuess(Kind.UNUSED, f"nothing reads its cells: lists of {_types(items)}", 0.9)
    shapes = {array.shape for array in known}
    if {len(shape) for shape in shapes} != {1}:
        return KindGuess(Kind.SERIES, "its cells are series of numbers", 0.7)
    whole = all(array.dtype.kind in "iu" for array in known if array.size)
    distinct = set(items) if whole else set()
    lone = all(len(set(one)) == len(one) for one in lists)
    if whole and len(shapes) > 1 and lone and len(items) >= 1.5 * len(distinct):
        return KindGuess(Kind.SET, "its cells are lists of whole numbers that come back", 0.8, labels=len(distinct))
    if len(shapes) == 1:
        size = known[0].size
        return KindGuess(Kind.VECTOR, f"its cells are lists of {size} numbers", 0.97, str(size))
    return KindGuess(Kind.SERIES, "its cells are lists of numbers of differing lengths", 0.7)


def is_one_image(cell: Any) -> bool:
    """Whether a cell is an image by itself: a file's bytes, an image of Pillow's, an array of pixels."""
    if isinstance(cell, bytes | bytearray | memoryview):
        return is_image_bytes(bytes(cell[:64]))
    if isinstance(cell, Mapping):
        return isinstance(cell.get("bytes"), bytes) or has_image_ending(str(cell.get("path") or ""))
    if hasattr(cell, "getbands") and hasattr(cell, "convert"):
        return True
    if isinstance(cell, str):
        return is_image_base64(cell)
    return isinstance(cell, list | tuple | np.ndarray) and is_image_array(cell)


def items_of(cell: Any) -> list[Any]:
    """What a list, set, array or tensor holds; anything else by itself."""
    if hasattr(cell, "detach"):
        cell = cell.detach().cpu().numpy()
    if isinstance(cell, np.ndarray):
        return list(cell) if cell.ndim > 1 or cell.dtype == object else cell.tolist()
    if isinstance(cell, set | frozenset):
        return sorted(cell, key=str)
    return list(cell) if isinstance(cell, list | tuple) else [cell]


def _is_image_name(item: Any) -> bool:
    return isinstance(item, str) and has_image_ending(item)


def _types(cells: Sequence[Any]) -> str:
    return ", ".join(sorted({type(cell).__name__ for cell in cells})[:4])
