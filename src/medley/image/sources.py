"""What a caller writes for an image -> what Pillow opens: a full path, or the bytes of a file."""

from __future__ import annotations

import binascii
import os
from base64 import b64decode
from collections.abc import Mapping
from os import PathLike
from typing import Any

from medley.errors import DataError

# What base64 makes of the first bytes of PNG, JPEG, GIF, WebP and TIFF files.
_BEGINNINGS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUkqA", "TU0AK")
_LEAST = 48
"""Characters of the shortest string that is looked at as base64: a path may begin with the same letters."""
_TOLD = 120


class BadImageError(DataError):
    """One image cannot be read: what `on_bad_file` decides about."""


def source(item: Any, root: str | None = None) -> Any:
    """A path with its folder before it, base64 as bytes; anything else as it is.

    Args:
        item: what stands in a cell.
        root: the folder of relative paths.

    Raises:
        BadImageError: an address on the net, or base64 that is none.

    >>> source("a.png", "images"), source("data:image/png;base64,aGVsbG8=")
    ('images/a.png', b'hello')
    """
    if isinstance(item, Mapping):  # how Arrow files of image collections hold them
        return source(item["path"] if item.get("bytes") is None else item["bytes"], root)
    if isinstance(item, bytearray | memoryview):
        return bytes(item)
    if isinstance(item, str):
        if item.startswith("data:"):
            return _decoded(item.partition(",")[2])
        if is_base64(item):
            return _decoded(item)
        if item.startswith(("http://", "https://")):
            raise BadImageError("an address, and nothing is downloaded: save the file and give its path")
        return os.path.join(root or "", item.strip())
    return os.path.join(root, item) if root and isinstance(item, PathLike) else item


def is_container(item: Any) -> bool:
    """Whether it is a dict that holds one image: `{"bytes": ..., "path": ...}`, either of them None or left out.

    >>> is_container({"bytes": b"...", "path": None}), is_container({"a": 1})
    (True, False)
    """
    if not isinstance(item, Mapping) or not item or not set(item) <= {"bytes", "path"}:
        return False
    data, path = item.get("bytes"), item.get("path")  # lists are columns of such names
    return isinstance(data, bytes | bytearray | memoryview | None) and isinstance(path, str | PathLike | None)


def is_base64(text: str) -> bool:
    """Whether a string is an image's file in base64, not a path.

    >>> is_base64("iVBORw0KGgo" + "A" * 60), is_base64("/9j/holiday.jpg")
    (True, False)
    """
    return len(text) >= _LEAST and text.startswith(_BEGINNINGS) and "." not in text[:1000]


def told(item: Any) -> str:
    """What a message calls the image: its path, `"bytes"`, `"base64"`; nothing where the row says it all.

    >>> told("a.png"), told(b"...")
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
    return repr(text if len(text) <= _TOLD else f"...{text[-_TOLD:]}")


def _decoded(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadImageError("base64 that cannot be decoded") from None
