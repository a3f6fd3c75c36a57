"""Images in any container -> one array of one size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import Any, Self, TypeVar

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.image.fitting import resized, target_channels, target_size, toned, with_channels
from medley.image.pixels import Depth, Look, depth_of, is_missing, is_picture, look, read

Result = TypeVar("Result")
MOST_TOLD = 10


class ImageCodec(Codec):
    """Learns one size, one number of channels and what pixels mean; encodes to uint8 where bytes came, else float32.

    The array is the same whichever container the images came in: an array (B, H, W) or (B, H, W, C), a list of arrays,
    paths, bytes of files or images of Pillow's. A row that is None, NaN or an array of nothing but NaN is absent.

    Args:
        size: height and width; left out, they are learnt (`fitting.target_size`).
        interpolation: how other sizes are resampled: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.

    >>> codec = ImageCodec().fit(np.zeros((5, 8, 6, 3), np.uint8))
    >>> str(codec.spec), codec.encode([np.ones((8, 6)), None]).present
    ('(C=3 H=8 W=6 uint8)', array([ True, False]))
    """

    def __init__(self, size: tuple[int, int] | None = None, interpolation: str = "bilinear") -> None:
        self.wanted = size
        self.interpolation = interpolation
        self.size: tuple[int, int] | None = None
        self.channels = 0
        self.depth: Depth = "byte"

    @property
    def spec(self) -> Spec:
        """Channels first; uint8 where the training images were bytes."""
        height, width = self._fitted()
        return Spec((self.channels, height, width), "CHW", "uint8" if self.depth == "byte" else "float32")

    def fit(self, values: Any) -> Self:
        """Learns from images; of files, only the headers are read.

        Raises:
            DataError: no image is there, the container is no list of images, or some cannot be read (all are told).
        """
        looks = _look_at(values)
        if not looks:
            raise DataError("At least one training row must hold an image; all are missing.")
        self.size = self.wanted or target_size([(one.height, one.width) for one in looks])
        self.channels = target_channels({one.channels for one in looks})
        depths = {one.depth for one in looks}
        self.depth = "byte" if depths == {"byte"} else "raw" if "raw" in depths else "unit"
        return self

    def encode(self, values: Any) -> Encoded:
        """Images -> (B, C, H, W) and presence; other sizes are resampled, other channels converted.

        Raises:
            DataError: images that cannot be read, or not be converted into the learnt form (all are told).
        """
        size = self._fitted()
        rows = _rows(values)
        if not isinstance(rows, np.ndarray):
            return self._encode_each(rows)
        if self.channels > 1 and rows.shape == (*size, self.channels):
            raise DataError(f"One image of shape {rows.shape} came where rows of images belong; add an axis: x[None].")
        if rows.shape[1:3] != size or _channels(rows) != self.channels:
            return self._encode_each(list(rows))
        absent = _absent(rows)
        try:
            array = _channels_first(toned(rows, self.depth))
        except DataError:  # again row by row, to tell which
            return self._encode_each(list(rows))
        return Encoded(array, ~absent)

    def state(self) -> dict[str, Any]:
        """Size, channels, depth and interpolation."""
        return {
            "size": list(self._fitted()),
            "channels": self.channels,
            "depth": self.depth,
            "interpolation": self.interpolation,
        }

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        height, width = state["size"]
        self.size, self.channels, self.depth = (int(height), int(width)), int(state["channels"]), state["depth"]
        self.interpolation = state["interpolation"]
        return self

    def _fitted(self) -> tuple[int, int]:
        if self.size is None:
            raise NotFittedError("ImageCodec was asked before it was fitted; call fit(training_rows) first.")
        return self.size

    def _encode_each(self, rows: Sequence[Any]) -> Encoded:
        size = self._fitted()
        dtype = np.uint8 if self.depth == "byte" else np.float32
        array = np.zeros((len(rows), self.channels, *size), dtype)
        present = np.zeros(len(rows), bool)

        def place(row: int) -> None:
            if not is_missing(rows[row]):
                pixels = toned(read(rows[row], self.channels, size), self.depth)
                pixels = resized(with_channels(pixels, self.channels), size, self.interpolation)
                array[row] = pixels.transpose(2, 0, 1)
                present[row] = True

        _for_each(place, rows)
        return Encoded(array, present)


def _rows(values: Any) -> np.ndarray | list[Any]:
    """A numeric array (B, H, W) or (B, H, W, C) as it is, anything else as a list of images."""
    if is_picture(values):
        raise DataError(
            f"Rows of images were expected, got one {type(values).__name__}: {str(values)[:80]!r}; list it."
        )
    if isinstance(values, list | tuple):
        return _stacked(values)
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    if array.ndim == 0:
        raise DataError(f"Rows of images were expected, got one {type(values).__name__}.")
    if array.dtype.kind in "buif":
        if array.ndim not in (3, 4) or 0 in array.shape[1:]:
            raise DataError(
                "Images must have shape (rows, height, width) or (rows, height, width, channels), "
                f"got an array of shape {array.shape}."
            )
        return array
    if array.ndim == 2 and array.shape[1] == 1:  # the only column of a frame
        array = array[:, 0]
    return list(array)


def _stacked(values: Sequence[Any]) -> np.ndarray | list[Any]:
    first = values[0] if values else None
    if isinstance(first, np.ndarray) and first.dtype.kind in "buif" and first.ndim in (2, 3):
        form = (first.shape, first.dtype)
        if first.size and all(isinstance(one, np.ndarray) and (one.shape, one.dtype) == form for one in values):
            return np.stack(values)
    return list(values)


def _look_at(values: Any) -> list[Look]:
    rows = _rows(values)
    if isinstance(rows, np.ndarray):
        _check_channels_last(rows)
        absent = _absent(rows)
        if absent.all():
            return []
        return [Look(rows.shape[1], rows.shape[2], _channels(rows), depth_of(rows))]
    found = _for_each(lambda row: None if is_missing(rows[row]) else look(rows[row]), rows)
    return [one for one in found if one is not None]


def _check_channels_last(rows: np.ndarray) -> None:
    if rows.ndim == 4 and rows.shape[1] in (1, 3) and rows.shape[2] == rows.shape[3] > 4:
        raise DataError(
            f"Images of shape {rows.shape} look as if the channels came first; they go last: np.moveaxis(x, 1, -1). "
            f"If they are {rows.shape[1]} pixels high and have {rows.shape[3]} channels, pass them as a list."
        )


def _absent(rows: np.ndarray) -> np.ndarray:
    if rows.dtype.kind != "f":
        return np.zeros(len(rows), bool)
    return np.all(np.isnan(rows), axis=tuple(range(1, rows.ndim)))


def _channels(rows: np.ndarray) -> int:
    return rows.shape[3] if rows.ndim == 4 else 1


def _channels_first(rows: np.ndarray) -> np.ndarray:
    channels = _channels(rows)
    out = np.empty((len(rows), channels, *rows.shape[1:3]), rows.dtype)
    bands = rows if rows.ndim == 4 else rows[..., None]
    for channel in range(channels):
        out[:, channel] = bands[..., channel]
    return out


def _for_each(work: Callable[[int], Result], rows: Sequence[Any]) -> list[Result | None]:
    """Does `work` for every row, with threads where files are read, and tells all that went wrong at once."""
    problems: dict[int, str] = {}

    def attempt(row: int) -> Result | None:
        try:
            return work(row)
        except (ValueError, TypeError, MemoryError) as error:
            problems[row] = str(error)
            return None

    if any(map(is_picture, rows)):
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            results = list(pool.map(attempt, range(len(rows))))
    else:
        results = [attempt(row) for row in range(len(rows))]
    if problems:
        raise DataError(_told(problems, rows))
    return results


def _told(problems: dict[int, str], rows: Sequence[Any]) -> str:
    shown: Iterable[int] = sorted(problems)[:MOST_TOLD]
    lines = [f"- row {row}{_named(rows[row])}: {problems[row]}" for row in shown]
    if len(problems) > MOST_TOLD:
        lines.append(f"- and {len(problems) - MOST_TOLD} more")
    head = f"{len(problems)} of {len(rows)} images cannot be used. None stands for an image that is missing."
    return "\n".join([head, *lines])


def _named(item: Any) -> str:
    return f" ({str(item)!r})" if isinstance(item, str | PathLike) else ""
