"""Conversion of images to the size, channels and value range that a codec has learned."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import median

import numpy as np

from medley.core.floats import as_float32
from medley.errors import DataError
from medley.image.pixels import Depth, ImageProfile, depth_of

INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
"""The methods of `resize`, by Pillow's names."""

MAX_UNIFORM_SIDE = 512
MAX_RESIZED_SIDE = 224


def target_size(sizes: Sequence[tuple[int, int]], largest: int | None = None) -> tuple[int, int]:
    """The height and width to which images of these sizes are resized.

    Images that all have one size of at most 512 pixels keep it. Others get the median height and width, scaled down so
    that the longer side is at most 224. No side is longer than `largest`, if it is given.

    >>> target_size([(28, 28), (28, 28)]), target_size([(30, 20), (40, 60), (50, 50)]), target_size([(3000, 4000)])
    ((28, 28), (40, 50), (168, 224))
    """
    height, width = median(h for h, _ in sizes), median(w for _, w in sizes)
    if len(set(sizes)) == 1 and max(height, width) <= (largest or MAX_UNIFORM_SIDE):
        return int(height), int(width)
    scale = min(1.0, (largest or MAX_RESIZED_SIDE) / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def target_channels(counts: Collection[int]) -> int:
    """The number of channels to which images with these numbers of channels are converted.

    >>> target_channels({1}), target_channels({1, 3, 4}), target_channels({5})
    (1, 3, 5)

    Raises:
        DataError: they cannot be converted into each other.
    """
    if len(set(counts)) == 1:
        return next(iter(counts))
    if set(counts) <= {1, 2}:
        return 1
    if set(counts) <= {1, 2, 3, 4}:
        return 3
    got = ", ".join(map(str, sorted(set(counts))))
    raise DataError(f"Images must have one number of channels, or a mix of grey (1) and colour (3, 4), got {got}.")


def target_depth(profiles: Sequence[ImageProfile]) -> Depth:
    """The value range to which images with these profiles are converted.

    Bytes if all are bytes, or if most are and the others have 16 bits: of these the upper 8 bits are used, because
    floats for all images would take four times the memory.

    >>> byte, deep = ImageProfile(4, 4, 1, "byte"), ImageProfile(4, 4, 1, "unit", is_deep=True)
    >>> target_depth([byte, byte, deep]), target_depth([byte, deep])
    ('byte', 'unit')
    """
    not_bytes = [profile for profile in profiles if profile.depth != "byte"]
    if all(profile.is_deep for profile in not_bytes) and 2 * len(not_bytes) < len(profiles):
        return "byte"
    return "raw" if any(profile.depth == "raw" for profile in not_bytes) else "unit"


def convert_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Converts between grey and colour; drops transparency (a fourth channel, or a second beside grey).

    Args:
        pixels: (H, W, C).
        channels: number of channels of the result.

    Raises:
        DataError: there is no such conversion.

    >>> convert_channels(np.zeros((2, 2, 4)), 3).shape, convert_channels(np.zeros((2, 2, 1)), 3).shape
    ((2, 2, 3), (2, 2, 3))
    """
    current = pixels.shape[2]
    if current == channels:
        return pixels
    if channels == 1 and current in (2, 3, 4):
        return pixels[:, :, :1] if current == 2 else _luminance(pixels)
    if channels == 3 and current in (1, 2):
        return np.repeat(pixels[:, :, :1], 3, axis=2)
    if channels == 3 and current == 4:
        return pixels[:, :, :3]
    raise DataError(f"it has {current} channels, and the training images have {channels}")


def _luminance(pixels: np.ndarray) -> np.ndarray:
    # ITU-R 601, in Pillow's integer arithmetic, so that arrays of bytes and files converted by Pillow agree.
    if pixels.dtype == np.uint8:
        wide = pixels[:, :, :3].astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
        return ((wide + 0x8000) >> 16).astype(np.uint8)[:, :, None]
    return (pixels[:, :, :3] @ np.array([0.299, 0.587, 0.114], pixels.dtype))[:, :, None]


def resize(pixels: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear") -> np.ndarray:
    """Resizes an image to another height and width, with antialiasing.

    Args:
        pixels: (H, W, C), uint8 or float32.
        size: height and width.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.

    >>> resize(np.full((9, 6, 2), 7, np.uint8), (3, 2)).shape
    (3, 2, 2)
    """
    if pixels.shape[:2] == size:
        return pixels
    from PIL import Image

    height, width = size
    method = Image.Resampling[interpolation.upper()]
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return np.asarray(Image.fromarray(pixels).resize((width, height), method))
    bands = (np.ascontiguousarray(pixels[:, :, band]) for band in range(pixels.shape[2]))
    return np.stack([np.asarray(Image.fromarray(band).resize((width, height), method)) for band in bands], axis=2)


def convert_depth(pixels: np.ndarray, depth: Depth) -> np.ndarray:
    """Converts pixel values to the range that a codec has learned; values that are not finite become 0.

    Args:
        pixels: any shape, any numeric type.
        depth: `"byte"` gives uint8; `"unit"` float32 from 0 to 1, with 8- and 16-bit integers scaled; `"raw"` float32,
            unscaled.

    Raises:
        DataError: their values are out of that range.

    >>> convert_depth(np.array([0, 255], np.uint8), "unit"), convert_depth(np.array([0.0, 254.6]), "byte")
    (array([0., 1.], dtype=float32), array([  0, 255], dtype=uint8))
    """
    if depth == "byte":
        return _to_bytes(pixels)
    if pixels.dtype == np.bool_:
        pixels = _to_bytes(pixels)
    floats = np.array(as_float32(pixels))
    if pixels.dtype.kind == "f":
        finite = np.isfinite(floats)
        if not finite.all():
            floats[~finite] = 0
    elif depth == "unit":
        if pixels.dtype != np.uint16 and depth_of(pixels) != "byte":
            raise _out_of_range(pixels, "0 to 1")
        floats /= np.float32(65535 if pixels.dtype == np.uint16 else 255)
    return floats


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype.kind == "f":
        pixels = np.where(np.isfinite(pixels), pixels, 0)
    rounded = np.rint(pixels)
    are_fractions = pixels.size > 0 and pixels.max() <= 1 and bool((rounded != pixels).any())
    if are_fractions or (pixels.size > 0 and (rounded.min() < 0 or rounded.max() > 255)):
        raise _out_of_range(pixels, "0 to 255")
    return rounded.astype(np.uint8)


def _out_of_range(pixels: np.ndarray, learned: str) -> DataError:
    return DataError(
        f"its pixels range from {pixels.min():.4g} to {pixels.max():.4g}, those of the training images from {learned}"
    )
