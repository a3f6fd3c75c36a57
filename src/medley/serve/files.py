"""Contents of files in cells: base64 and `data:` URIs become bytes; paths and addresses are never opened."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO
from typing import Any

from medley.serve.fields import Field
from medley.serve.settings import Limits

_LONGEST = 40


class FileError(ValueError):
    """A cell that holds no content of a file; the message says why."""


def file_content(cell: Any, field: Field, limits: Limits) -> Any:
    """The content of a cell of a column of files.

    Args:
        cell: bytes, a string in base64, a `data:` URI, or a list of such where a cell holds several; None is missing.
        field: the column.
        limits: of pixels and seconds.

    Returns:
        Bytes, a list of them, or None: nothing that could be taken for the name of a file.

    Raises:
        FileError: it is anything else, cannot be read, or is too large.
    """
    if field.control == "images" and isinstance(cell, list):
        contents = [_content(item, field, limits) for item in cell]
        return [content for content in contents if content is not None] or None
    content = _content(cell, field, limits)
    return [content] if field.control == "images" and content is not None else content


def _content(cell: Any, field: Field, limits: Limits) -> bytes | None:
    noun = "an audio file" if field.control == "audio" else "an image file"
    if cell is None or cell in ("", b""):
        return None
    content = cell if isinstance(cell, bytes) else _decoded(cell, noun)
    if field.control == "audio":
        _check_seconds(content, limits.audio_seconds)
    else:
        _check_pixels(content, limits.pixels)
    return content


def _decoded(cell: Any, noun: str) -> bytes:
    if not isinstance(cell, str):
        raise FileError(f"must be the content of {noun} in base64, got {_shown(cell)}.")
    text = cell.strip()
    if text.startswith("data:"):
        head, separator, text = text.partition(",")
        if not separator or not head.endswith(";base64"):
            raise FileError("is a data: URI that is not in base64.")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        message = f"must be the content of {noun} in base64, got {_shown(cell)}; paths and addresses are not opened."
        raise FileError(message) from None


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _check_pixels(content: bytes, most: int) -> None:
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as image:
            width, height = image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError(f"has too many pixels: {error}.") from None
    except Exception:  # whatever Pillow raises for bytes that are no image
        raise FileError("is not an image of a known format.") from None
    if width * height > most:
        raise FileError(f"has {width} x {height} pixels; at most {most:,} are allowed.")


def _check_seconds(content: bytes, most: float) -> None:
    from medley.audio.recordings import BadAudioError, length

    try:
        _, seconds = length(content)
    except BadAudioError as error:
        reason = str(error)
        raise FileError(f"is {reason}." if reason.startswith("not ") else f"{reason}.") from None
    except Exception as error:  # whatever soundfile raises for bytes that are no recording
        raise FileError(f"is not an audio file of a known format ({error}).") from None
    if seconds > most:
        raise FileError(f"lasts {seconds:,.0f} seconds; at most {most:,.0f} are allowed.")
