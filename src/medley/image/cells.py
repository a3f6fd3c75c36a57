"""Images in cells: paths, bytes, base64, arrays; one or several per cell."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from medley.tables.columns.objects import array_of, is_boxed

ENDINGS = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".pgm"]
)
_MARKS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_BASE64_MARKS = ("/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR", "SUkqA", "TU0AK", "Qk")
_SHORTEST_BASE64 = 80
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_SMALLEST = 8


def is_image_bytes(cell: bytes) -> bool:
    """Whether bytes begin as those of an image's file do.

    >>> is_image_bytes(b"GIF89a..."), is_image_bytes(b"words")
    (True, False)
    """
    if cell.startswith(_MARKS):
        return True
    if cell.startswith(b"RIFF"):
        return cell[8:12] == b"WEBP"
    return (cell.startswith(b"BM") and len(cell) > 54) or cell[4:12] in (b"ftypavif", b"ftypheic")


def is_image_base64(word: str) -> bool:
    """Whether a string is an image's file in base64, or such a `data:` address."""
    if word.startswith("data:image/"):
        return ";base64," in word[:64]
    if len(word) < _SHORTEST_BASE64 or not word.startswith(_BASE64_MARKS):
        return False
    try:
        return is_image_bytes(base64.b64decode(word[:_SHORTEST_BASE64], validate=True))
    except binascii.Error:
        return False


def is_address(word: str) -> bool:
    """Whether a string is an address on the web: those are not fetched."""
    return _ADDRESS.match(word) is not None


def has_image_ending(word: str) -> bool:
    """Whether a name ends as names of images do.

    >>> has_image_ending("a/b.JPG"), has_image_ending("a.txt")
    (True, False)
    """
    return os.path.splitext(word)[1].lower() in ENDINGS


def split_paths(word: str) -> list[str]:
    """Paths joined by `;`, one by one.

    >>> split_paths("a.jpg; b.jpg;")
    ['a.jpg', 'b.jpg']
    """
    return [one.strip() for one in word.split(";") if one.strip()]


def is_image_array(cell: Any) -> bool:
    """Whether an array, tensor or nested list could be pixels: (H, W) or (H, W, C), at least 8 by 8."""
    shape = getattr(cell, "shape", None)
    if shape is None or is_boxed(cell):
        array = array_of(cell)
        if array is None:
            return False
        shape = array.shape
    if len(shape) not in (2, 3) or min(shape[:2]) < _SMALLEST:
        return False
    return len(shape) == 2 or shape[2] in (1, 2, 3, 4) or shape[0] in (1, 3, 4)


def image_of(cell: Any, root: Path) -> Any:
    """One image as image codecs read it: the path under `root`, bytes, or the array or image that it is.

    >>> str(image_of("a.jpg", Path("photos"))), image_of("", Path())
    ('photos/a.jpg', None)
    """
    if isinstance(cell, Mapping):  # as data sets of the Hugging Face kind hold them
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, bytearray | memoryview):
        return bytes(cell)
    if isinstance(cell, str) and is_image_base64(cell.strip()):
        return _decoded(cell.strip())
    if isinstance(cell, str | PathLike):
        path = fspath(cell).strip()
        return str(root / path) if path else None
    if isinstance(cell, list | tuple) or is_boxed(cell):
        array = array_of(cell)
        return cell if array is None else array
    return cell


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word.split(";base64,", 1)[-1])
    except binascii.Error:  # not of a whole number of bytes: damaged, which whoever decodes the image tells
        return word.encode()
