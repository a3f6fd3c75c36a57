"""Image files as callers refer to them: paths, base64 or bytes -> a full path or the bytes of a file."""

from __future__ import annotations

import binascii
import os
from base64 import b64decode
from collections.abc import Mapping
from os import PathLike
from typing import Any

from medley.errors import DataError

# The first characters of PNG, JPEG, GIF, WebP and TIFF files in base64.
_BASE64_SIGNATURES = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUkqA", "TU0AK")
_MIN_BASE64 = 48
"""Length from which a string may be base64: a short path can begin with the same characters."""
_MAX_DESCRIPTION = 120


class BadImageError(DataError):
    """An image cannot be read; `on_bad_file` decides how it is handled."""


def path_or_bytes(item: Any, root: str | None = None) -> Any:
    """Resolves paths against `root` and decodes base64; returns anything else unchanged.

    Args:
        item: the content of a cell.
        root: the folder that relative paths are resolved against.

    Raises:
        BadImageError: a URL, or invalid base64.

    >>> path_or_bytes("a.png", "images"), path_or_bytes("data:image/png;base64,aGVsbG8=")
    ('images/a.png', b'hello')
    """
    if isinstance(item, Mapping):  # the format of image data sets in Arrow files
        return path_or_bytes(item["path"] if item.get("bytes") is None else item["bytes"], root)
    if isinstance(item, bytearray | memoryview):
        return bytes(item)
    if isinstance(item, str):
        if item.startswith("data:"):
            return _decoded(item.partition(",")[2])
        if is_base64(item):
            return _decoded(item)
        if item.startswith(("http://", "https://")):
            raise BadImageError("URLs are not downloaded; save the file and use its path")
        return os.path.join(root or "", item.strip())
    return os.path.join(root, item) if root and isinstance(item, PathLike) else item


def is_container(item: Any) -> bool:
    """Whether it is a dict of one image: `{"bytes": ..., "path": ...}`, either of them None or absent.

    >>> is_container({"bytes": b"...", "path": None}), is_container({"a": 1})
    (True, False)
    """
    if not isinstance(item, Mapping) or not item or not set(item) <= {"bytes", "path"}:
        return False
    data, path = item.get("bytes"), item.get("path")  # lists would be columns with these names
    return isinstance(data, bytes | bytearray | memoryview | None) and isinstance(path, str | PathLike | None)


def is_base64(text: str) -> bool:
    """Whether a string is an image file in base64, not a path.

    >>> is_base64("iVBORw0KGgo" + "A" * 60), is_base64("/9j/holiday.jpg")
    (True, False)
    """
    return len(text) >= _MIN_BASE64 and text.startswith(_BASE64_SIGNATURES) and "." not in text[:1000]


def describe(item: Any) -> str:
    """How messages describe an image: its path, `"bytes"` or `"base64"`; empty for arrays and Pillow images.

    >>> describe("a.png"), describe(b"...")
    ("'a.png'", 'bytes')
    """
    if is_container(item):
        item = item.get("path") or b""
    if isinstance(item, bytes | bytearray | memoryview):
        return "bytes"
    if not isinstance(item, str | PathLike):
        return ""
    text = str(item)
    if text.startswith("data:") or is_base64(text):
        return "base64"
    return repr(text if len(text) <= _MAX_DESCRIPTION else f"...{text[-_MAX_DESCRIPTION:]}")


def _decoded(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadImageError("invalid base64") from None
