"""Recognises images in the cells of a column: paths, bytes, base64, arrays; one or several per cell."""

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

SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".ppm", ".pgm"]
)
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
_BASE64_SIGNATURES = ("/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR", "SUkqA", "TU0AK", "Qk")
_MIN_BASE64 = 80
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MIN_SIDE = 8


def is_image_bytes(cell: bytes) -> bool:
    """Whether bytes begin with the signature of an image format.

    >>> is_image_bytes(b"GIF89a..."), is_image_bytes(b"text")
    (True, False)
    """
    if cell.startswith(_SIGNATURES):
        return True
    if cell.startswith(b"RIFF"):
        return cell[8:12] == b"WEBP"
    return (cell.startswith(b"BM") and len(cell) > 54) or cell[4:12] in (b"ftypavif", b"ftypheic")


def is_image_base64(string: str) -> bool:
    """Whether a string is an image file in base64, or a `data:` URI of one."""
    if string.startswith("data:image/"):
        return ";base64," in string[:64]
    if len(string) < _MIN_BASE64 or not string.startswith(_BASE64_SIGNATURES):
        return False
    try:
        return is_image_bytes(base64.b64decode(string[:_MIN_BASE64], validate=True))
    except binascii.Error:
        return False


def is_url(string: str) -> bool:
    """Whether a string is a URL; URLs are not fetched."""
    return _URL.match(string) is not None


def has_image_suffix(string: str) -> bool:
    """Whether a file name has the suffix of an image format.

    >>> has_image_suffix("a/b.JPG"), has_image_suffix("a.txt")
    (True, False)
    """
    return os.path.splitext(string)[1].lower() in SUFFIXES


def split_paths(string: str) -> list[str]:
    """Splits paths that are joined by `;`.

    >>> split_paths("a.jpg; b.jpg;")
    ['a.jpg', 'b.jpg']
    """
    return [path.strip() for path in string.split(";") if path.strip()]


def is_image_array(cell: Any) -> bool:
    """Whether an array, tensor or nested list could be pixels: (H, W) or (H, W, C), at least 8 by 8."""
    shape = getattr(cell, "shape", None)
    if shape is None or is_boxed(cell):
        array = array_of(cell)
        if array is None:
            return False
        shape = array.shape
    if len(shape) not in (2, 3) or min(shape[:2]) < _MIN_SIDE:
        return False
    return len(shape) == 2 or shape[2] in (1, 2, 3, 4) or shape[0] in (1, 3, 4)


def as_image(cell: Any, root: Path) -> Any:
    """A cell as image codecs read it: the path under `root`, bytes, an array or a Pillow image.

    >>> str(as_image("a.jpg", Path("photos"))), as_image("", Path())
    ('photos/a.jpg', None)
    """
    if isinstance(cell, Mapping):  # as data sets of the Hugging Face hub store images
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


def _decoded(string: str) -> bytes:
    try:
        return base64.b64decode(string.split(";base64,", 1)[-1])
    except binascii.Error:  # not a whole number of bytes: damaged, which is reported when the image is decoded
        return string.encode()
