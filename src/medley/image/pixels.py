"""One image in any form -> an array (H, W, C); its size, channels and depth where only its header was read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from medley.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Depth = Literal["byte", "unit", "raw"]
"""What the numbers mean: 0..255, 0..1, or whatever the caller measures."""

_ORIENTATION = 0x0112
_GREY = ("1", "L", "LA", "La")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class Look:
    """What is known of an image before its pixels are wanted.

    Args:
        height: pixels.
        width: pixels.
        channels: colours or bands; the transparency of a picture is none.
        depth: what its numbers mean.
    """

    height: int
    width: int
    channels: int
    depth: Depth


def is_missing(item: Any) -> bool:
    """Whether a row holds no image: None, NaN, NA, an empty path, an array of nothing but NaN.

    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing("a.png"), is_missing(np.zeros((2, 2)))
    (True, True, True, False, False)
    """
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(item, str):
        return not item
    if isinstance(item, float | np.floating):
        return bool(np.isnan(item))
    if is_picture(item):
        return False
    pixels = as_array(item)
    return pixels.dtype.kind == "f" and pixels.size > 0 and bool(np.isnan(pixels).all())


def is_picture(item: Any) -> bool:
    """Whether it takes Pillow to read: a path, the bytes of a file, an image of Pillow's."""
    return isinstance(item, str | PathLike | bytes) or (hasattr(item, "getbands") and hasattr(item, "convert"))


def as_array(item: Any) -> np.ndarray:
    """An array, tensor or nested list as an array; arrays of objects as numbers."""
    if hasattr(item, "detach"):
        item = item.detach().cpu().numpy()
    pixels = np.asarray(item)
    if pixels.dtype == object:
        pixels = np.asarray(pixels.tolist())
    if pixels.dtype != object:
        return pixels
    try:
        return pixels.astype(np.float32)
    except (TypeError, ValueError):
        raise DataError(f"an image is an array of numbers, got {type(item).__name__}") from None


def depth_of(pixels: np.ndarray) -> Depth:
    """What the numbers mean: booleans, bytes and whole numbers from 0 to 255 are bytes, 16 bits and 0..1 are units.

    >>> depth_of(np.array([0, 255])), depth_of(np.array([0.0, 0.5])), depth_of(np.array([-1.0, 2.0]))
    ('byte', 'unit', 'raw')
    """
    if pixels.dtype in (np.uint8, np.bool_):
        return "byte"
    if pixels.dtype == np.uint16:
        return "unit"
    if pixels.dtype.kind in "iu":
        return "byte" if pixels.size == 0 or (pixels.min() >= 0 and pixels.max() <= 255) else "raw"
    finite = pixels[np.isfinite(pixels)] if pixels.size else pixels
    return "unit" if finite.size == 0 or (finite.min() >= 0 and finite.max() <= 1) else "raw"


def look(item: Any) -> Look:
    """Size, channels and depth; of a picture, only the header is read.

    Raises:
        DataError: it is no image, or cannot be read.

    >>> look(np.zeros((4, 6), np.uint8))
    Look(height=4, width=6, channels=1, depth='byte')
    """
    if is_picture(item):
        with _opened(item) as image:
            width, height = _upright(image)
            grey = image.mode in (*_GREY, *_SIXTEEN, "I", "F")
            depth: Depth = "unit" if image.mode in _SIXTEEN else "raw" if image.mode in ("I", "F") else "byte"
            return Look(height, width, 1 if grey else 3, depth)
    pixels = _bands(as_array(item))
    height, width, channels = pixels.shape
    return Look(height, width, channels, depth_of(pixels))


def read(item: Any, channels: int, size: tuple[int, int]) -> np.ndarray:
    """The pixels (H, W, C) in the type they came in, or 8, 16 or 32 bits of a file.

    Args:
        item: a path, bytes, an image of Pillow's, an array or tensor (H, W) or (H, W, C).
        channels: how many are wanted; of a picture, transparency is read only where they are 4.
        size: height and width that are wanted; a JPEG file of more than four times that is decoded at reduced size,
            several times faster.

    Raises:
        DataError: it is no image, or cannot be read.
    """
    if not is_picture(item):
        return _bands(as_array(item))
    from PIL import ImageOps

    with _opened(item) as image:
        side = max(size)
        if image is not item and min(image.size) > 4 * side:  # a draft would change an image that the caller holds
            image.draft(None, (2 * side, 2 * side))
        image = ImageOps.exif_transpose(image)
        return _bands(np.asarray(_plain(image, channels)))


def _plain(image: Image, channels: int) -> Image:
    if image.mode in (*_SIXTEEN, "I", "F"):
        return image
    if image.mode in _GREY and channels != 4:
        return image.convert("L")
    if channels == 4 or image.mode.endswith(("A", "a")) or "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns where a palette's transparency is dropped in one step
    return image if channels == 4 else image.convert("RGB")


def _upright(image: Image) -> tuple[int, int]:
    if image.format == "PNG" and "exif" not in image.info:  # asking for the orientation would decode the file
        return image.size
    on_its_side = image.getexif().get(_ORIENTATION, 1) >= 5
    if on_its_side and image.format == "TIFF":  # Pillow turns these while it loads them
        image.load()
        return image.size
    return (image.size[1], image.size[0]) if on_its_side else image.size


def _bands(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.kind not in "buif":
        raise DataError(f"an image is an array of numbers, got {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"an image has shape (H, W) or (H, W, C), got {pixels.shape}")
    return pixels


@contextmanager
def _opened(item: Any) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    if not isinstance(item, str | PathLike | bytes):
        yield item
        return
    source = BytesIO(item) if isinstance(item, bytes) else fspath(item)
    try:
        with Image.open(source) as image:
            yield image
    except FileNotFoundError:
        raise DataError("no such file") from None
    except UnidentifiedImageError:
        raise DataError("not an image of a known format") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(str(error) or type(error).__name__) from error
