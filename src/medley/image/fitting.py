"""Images of any size and number of channels -> the size and channels that a codec has learnt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import median

import numpy as np

from medley.errors import DataError
from medley.image.pixels import Depth, ImageProfile, depth_of

LARGEST_KEPT = 512
LARGEST_MADE = 224


def target_size(sizes: Sequence[tuple[int, int]], largest: int | None = None) -> tuple[int, int]:
    """Height and width for images of these sizes.

    Images that are all of one size, at most 512 pixels, keep it. Others get the median height and width,
    reduced, where one exceeds 224, so that the longer is 224. No side is longer than `largest`, where that is given.

    >>> target_size([(28, 28), (28, 28)]), target_size([(30, 20), (40, 60), (50, 50)]), target_size([(3000, 4000)])
    ((28, 28), (40, 50), (168, 224))
    """
    height, width = median(h for h, _ in sizes), median(w for _, w in sizes)
    if len(set(sizes)) == 1 and max(height, width) <= (largest or LARGEST_KEPT):
        return int(height), int(width)
    scale = min(1.0, (largest or LARGEST_MADE) / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def target_channels(counts: Collection[int]) -> int:
    """The number of channels for images that have these.

    >>> target_channels({1}), target_channels({1, 3, 4}), target_channels({5})
    (1, 3, 5)

    Raises:
        DataError: numbers that nothing converts into each other.
    """
    if len(set(counts)) == 1:
        return next(iter(counts))
    if set(counts) <= {1, 2}:
        return 1
    if set(counts) <= {1, 2, 3, 4}:
        return 3
    told = ", ".join(map(str, sorted(set(counts))))
    raise DataError(f"Images must have one number of channels, or a mix of grey (1) and colour (3, 4), got {told}.")


def target_depth(looks: Sequence[ImageProfile]) -> Depth:
    """What the numbers of images like these shall mean.

    Bytes where all are bytes, or where most are and the others have 16 bits: the upper 8 of these then do, as floats
    for all would take four times the memory.

    >>> byte, deep = ImageProfile(4, 4, 1, "byte"), ImageProfile(4, 4, 1, "unit", is_deep=True)
    >>> target_depth([byte, byte, deep]), target_depth([byte, deep])
    ('byte', 'unit')
    """
    others = [one for one in looks if one.depth != "byte"]
    if all(one.is_deep for one in others) and 2 * len(others) < len(looks):
        return "byte"
    return "raw" if any(one.depth == "raw" for one in others) else "unit"


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Grey <-> colour; a fourth channel (or a second of grey) is transparency and is dropped.

    Args:
        pixels: (H, W, C).
        channels: as many as are wanted.

    Raises:
        DataError: there is no way from the one to the other.

    >>> with_channels(np.zeros((2, 2, 4)), 3).shape, with_channels(np.zeros((2, 2, 1)), 3).shape
    ((2, 2, 3), (2, 2, 3))
    """
    has = pixels.shape[2]
    if has == channels:
        return pixels
    if channels == 1 and has in (2, 3, 4):
        return pixels[:, :, :1] if has == 2 else _luminance(pixels)
    if channels == 3 and has in (1, 2):
        return np.repeat(pixels[:, :, :1], 3, axis=2)
    if channels == 3 and has == 4:
        return pixels[:, :, :3]
    raise DataError(f"it has {has} channels, and the training images have {channels}")


def _luminance(pixels: np.ndarray) -> np.ndarray:
    # ITU-R 601, in Pillow's whole numbers, so that an array of bytes and a file converted by Pillow agree.
    if pixels.dtype == np.uint8:
        wide = pixels[:, :, :3].astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
        return ((wide + 0x8000) >> 16).astype(np.uint8)[:, :, None]
    return (pixels[:, :, :3] @ np.array([0.299, 0.587, 0.114], pixels.dtype))[:, :, None]


def resized(pixels: np.ndarray, size: tuple[int, int], how: str = "bilinear") -> np.ndarray:
    """Resampled to another height and width, with antialiasing.

    Args:
        pixels: (H, W, C), uint8 or float32.
        size: height and width.
        how: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.

    >>> resized(np.full((9, 6, 2), 7, np.uint8), (3, 2)).shape
    (3, 2, 2)
    """
    if pixels.shape[:2] == size:
        return pixels
    from PIL import Image

    height, width = size
    method = Image.Resampling[how.upper()]
    if pixels.dtype == np.uint8 and pixels.shape[2] == 3:
        return np.asarray(Image.fromarray(pixels).resize((width, height), method))
    bands = (np.ascontiguousarray(pixels[:, :, band]) for band in range(pixels.shape[2]))
    return np.stack([np.asarray(Image.fromarray(band).resize((width, height), method)) for band in bands], axis=2)


def toned(pixels: np.ndarray, depth: Depth) -> np.ndarray:
    """The numbers as a codec has learnt them; what is not finite becomes 0.

    Args:
        pixels: any shape, any type of number.
        depth: `"byte"` gives uint8; `"unit"` float32, bytes and 16 bits scaled to 0..1; `"raw"` float32 as they are.

    Raises:
        DataError: they cannot be meant in the same unit.

    >>> toned(np.array([0, 255], np.uint8), "unit"), toned(np.array([0.0, 254.6]), "byte")
    (array([0., 1.], dtype=float32), array([  0, 255], dtype=uint8))
    """
    if depth == "byte":
        return _to_bytes(pixels)
    if pixels.dtype == np.bool_:
        pixels = _to_bytes(pixels)
    floats = pixels.astype(np.float32)
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
    whole = np.rint(pixels)
    shares = pixels.size > 0 and pixels.max() <= 1 and bool((whole != pixels).any())
    if shares or (pixels.size > 0 and (whole.min() < 0 or whole.max() > 255)):
        raise _out_of_range(pixels, "0 to 255")
    return whole.astype(np.uint8)


def _out_of_range(pixels: np.ndarray, learnt: str) -> DataError:
    return DataError(
        f"its pixels go from {pixels.min():.4g} to {pixels.max():.4g}, and those of the training images from {learnt}"
    )
