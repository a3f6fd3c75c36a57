"""Reads one image in any format as an array (H, W, C), or its size, channels and value range from its header."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from os import PathLike, fspath
from threading import Condition
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from medley.core.floats import as_float32
from medley.errors import DataError
from medley.image.image_files import BadImageError, is_container, path_or_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

Depth = Literal["byte", "unit", "raw"]
"""The range of pixel values: 0..255, 0..1, or any other, in units of the caller."""

MAX_PIXELS = 100_000_000
"""Default limit of the pixels of an image, and limit of the pixels that all threads decode at once: 300 to 400 MB."""

HUGE = 16_000_000
"""Number of pixels above which an image is reduced right after decoding, if a small one is needed."""

DRAFT = 1.5
"""Sides of a JPEG file that is decoded at reduced size, in sides of the image that is needed: at least so much."""

_ORIENTATION = 0x0112
_SCALABLE = ("JPEG", "MPO")
_REDUCIBLE_MODES = ("L", "RGB", "RGBA", "LA", "F", "I")
_GREY_MODES = ("1", "L", "LA", "La")
_16_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class ImageProfile:
    """Size, channels and value range of an image.

    Args:
        height: in pixels.
        width: in pixels.
        channels: number of channels, without transparency.
        depth: the range of its values.
        is_deep: whether values have 16 bits; the upper 8 are used if most images have 8.
    """

    height: int
    width: int
    channels: int
    depth: Depth
    is_deep: bool = False


def is_missing(item: Any) -> bool:
    """Whether a row has no image: None, NaN, NA, an empty path, no bytes, an array that is all NaN.

    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing("a.png"), is_missing(np.zeros((2, 2)))
    (True, True, True, False, False)
    """
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(item, str):
        return not item or item.isspace()
    if isinstance(item, bytes | bytearray | memoryview):
        return len(item) == 0
    if is_container(item):
        return item.get("bytes") is None and not item.get("path")
    if isinstance(item, float | np.floating):
        return bool(np.isnan(item))
    if is_image(item):
        return False
    pixels = as_array(item)
    return pixels.dtype.kind == "f" and pixels.size > 0 and bool(np.isnan(pixels).all())


def is_image(item: Any) -> bool:
    """Whether it is read by Pillow: a path, base64, file contents or a Pillow image."""
    if isinstance(item, str | PathLike | bytes | bytearray | memoryview) or is_container(item):
        return True
    return hasattr(item, "getbands") and hasattr(item, "convert")


def as_array(item: Any) -> np.ndarray:
    """Converts an array, tensor or nested list to a numeric array."""
    if hasattr(item, "detach"):
        item = item.detach().cpu().numpy()
    pixels = np.asarray(item)
    if pixels.dtype == object:
        pixels = np.asarray(pixels.tolist())
    if pixels.dtype != object:
        return pixels
    try:
        return as_float32(pixels)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"an image must be an array of numbers, got {type(item).__name__}") from None


def depth_of(pixels: np.ndarray) -> Depth:
    """The range of pixel values: `"byte"` for booleans, bytes, integers from 0 to 255; `"unit"` for 16 bits and 0..1.

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


def profile(item: Any, root: str | None = None, max_pixels: int = MAX_PIXELS) -> ImageProfile:
    """Size, channels and value range; of a file, only the header is read.

    Args:
        item: as in `read`.
        root: the folder that relative paths are resolved against.
        max_pixels: as in `read`.

    Raises:
        BadImageError: it is an image that cannot be read.
        DataError: it is not an image.

    >>> profile(np.zeros((4, 6), np.uint8))
    ImageProfile(height=4, width=6, channels=1, depth='byte', is_deep=False)
    """
    if is_image(item):
        with _opened(path_or_bytes(item, root)) as image:
            width, height = _upright_size(image)
            if image.format not in _SCALABLE:
                _check_size(image, max_pixels)
            is_grey = image.mode in (*_GREY_MODES, *_16_BIT_MODES, "I", "F")
            is_deep = image.mode in _16_BIT_MODES
            depth: Depth = "unit" if is_deep else "raw" if image.mode in ("I", "F") else "byte"
            return ImageProfile(height, width, 1 if is_grey else 3, depth, is_deep)
    pixels = _as_hwc(as_array(item))
    height, width, channels = pixels.shape
    return ImageProfile(height, width, channels, depth_of(pixels), pixels.dtype == np.uint16)


def read(
    item: Any, channels: int, size: tuple[int, int], root: str | None = None, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Reads pixels (H, W, C) in the type of the array, or 8, 16 or 32 bits of a file; of an animation, the first frame.

    Args:
        item: a path, base64, bytes, a Pillow image, an array or tensor (H, W) or (H, W, C).
        channels: number of channels needed; transparency of an image is read only if it is 4.
        size: height and width needed; a JPEG file of three times that size or more is decoded at reduced size, which is
            several times faster.
        root: the folder that relative paths are resolved against.
        max_pixels: larger images cannot be read, unless they are JPEG files that are decoded at reduced size.

    Raises:
        BadImageError: it is an image that cannot be read, or has more than `max_pixels` pixels.
        DataError: it is not an image.
    """
    if not is_image(item):
        return _as_hwc(as_array(item))
    from PIL import ImageOps

    with _opened(path_or_bytes(item, root)) as image:
        side = max(size)
        if image is not item:  # draft() would modify an image of the caller
            image.draft(None, (int(DRAFT * side), int(DRAFT * side)))
        if image is not item:
            _check_size(image, max_pixels)
        with _DECODING.part(image.size[0] * image.size[1]):
            image = ImageOps.exif_transpose(_reduced(image, side))
            return _as_hwc(np.asarray(_simple_mode(image, channels)))


def _check_size(image: Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise BadImageError(
            f"{width} x {height} pixels are too many to decode; the maximum is {max_pixels:,} pixels (max_pixels=)"
        )


def _reduced(image: Image, side: int) -> Image:
    """Reduces a huge image to about twice the required side, before it is copied; returns others unchanged."""
    factor = min(image.size) // (2 * side)
    if image.size[0] * image.size[1] <= HUGE or factor < 2 or image.mode not in _REDUCIBLE_MODES:
        return image
    return image.reduce(factor)


class _Gate:
    """Limits the sum of sizes that threads process at the same time; a single thread never waits.

    Args:
        limit: of the sum.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._sum = limit, 0
        self._changed = Condition()

    @contextmanager
    def part(self, size: int) -> Iterator[None]:
        """Waits until `size` fits below the limit, and counts it until the block is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._sum == 0 or self._sum + size <= self._limit)
            self._sum += size
        try:
            yield
        finally:
            with self._changed:
                self._sum -= size
                self._changed.notify_all()


_DECODING = _Gate(MAX_PIXELS)


def _simple_mode(image: Image, channels: int) -> Image:
    if image.mode in (*_16_BIT_MODES, "I", "F"):
        return image
    if image.mode in _GREY_MODES and channels != 4:
        return image.convert("L")
    if channels == 4 or image.mode.endswith(("A", "a")) or "transparency" in image.info:
        image = image.convert("RGBA")  # in two steps, as Pillow warns if a palette's transparency is dropped in one
    return image if channels == 4 else image.convert("RGB")


def _upright_size(image: Image) -> tuple[int, int]:
    if image.format == "PNG" and "exif" not in image.info:  # getexif() would decode the file
        return image.size
    is_rotated = image.getexif().get(_ORIENTATION, 1) >= 5
    if is_rotated and image.format == "TIFF":  # Pillow rotates these when it loads them
        image.load()
        return image.size
    return (image.size[1], image.size[0]) if is_rotated else image.size


def _as_hwc(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.kind not in "buif":
        raise DataError(f"an image must be an array of numbers, got {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or 0 in pixels.shape:
        raise DataError(f"an image must have shape (H, W) or (H, W, C), got {pixels.shape}")
    return pixels


@contextmanager
def _opened(item: Any) -> Iterator[Image]:
    if isinstance(item, bytes) and not item:
        raise BadImageError("it is empty")
    try:
        if not isinstance(item, str | PathLike | bytes):
            yield item
            return
        with _open(BytesIO(item) if isinstance(item, bytes) else fspath(item)) as image:
            yield image
    except DataError:
        raise
    except Exception as error:  # whatever Pillow raises for a damaged file
        raise BadImageError(_reason(error, item)) from error


def _open(file: str | BytesIO) -> Image:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        return Image.open(file)
    except Image.DecompressionBombError as error:
        # Pillow refuses to open huge images, but JPEG files can be decoded at an eighth of their size.
        if isinstance(file, BytesIO):
            file.seek(0)
        try:
            return JpegImageFile(file)  # pyright: ignore[reportArgumentType]
        except SyntaxError:
            raise BadImageError(f"too many pixels to decode; {error}") from None


def _reason(error: Exception, item: Any) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, UnidentifiedImageError):
        is_file = isinstance(item, str | PathLike)
        return "the file is empty" if is_file and os.path.getsize(item) == 0 else "not an image of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return str(error) or type(error).__name__
