"""Images in any container -> one array of one size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.image.fitting import resized, target_channels, target_depth, target_size, toned, with_channels
from medley.image.pixels import Depth, ImageProfile, depth_of, is_image, is_missing, profile, read
from medley.image.sources import BadImageError
from medley.image.unreadable import IMAGES, Policy, Problems, Unreadable, by_row, listing

Result = TypeVar("Result")


class ImageCodec(Codec):
    """Learns one size, one number of channels and what pixels mean; encodes to uint8 where bytes came, else float32.

    The array is the same whichever container the images came in: an array (B, H, W) or (B, H, W, C), a list of arrays,
    paths, base64, bytes of files or images of Pillow's. A row that is None, NaN or an array of nothing but NaN is
    absent.

    Args:
        size: height and width; left out, they are learnt (`fitting.target_size`).
        interpolation: how other sizes are resampled: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
        root: the folder of relative paths.
        on_bad_file: what becomes of images that cannot be read (`bad.Policy`).
        largest: longest side of a learnt size.
        wanted_channels: 1 for grey, 3 for colours, as a pretrained encoder reads images; left out, they are learnt.

    Attributes:
        bad: the images that the last `fit` or `encode` could not read.

    >>> codec = ImageCodec().fit(np.zeros((5, 8, 6, 3), np.uint8))
    >>> str(codec.spec), codec.encode([np.ones((8, 6)), None]).present
    ('(C=3 H=8 W=6 uint8)', array([ True, False]))
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        interpolation: str = "bilinear",
        *,
        root: str | None = None,
        on_bad_file: Policy = "warn",
        wanted_channels: int | None = None,
        largest: int | None = None,
    ) -> None:
        self.largest = largest
        self.wanted = size
        self.wanted_channels = wanted_channels
        self.interpolation = interpolation
        self.root = root
        self.on_bad_file: Policy = on_bad_file
        self.bad: list[Unreadable] = []
        self.size: tuple[int, int] | None = None
        self.channels = 0
        self.depth: Depth = "byte"

    @property
    def spec(self) -> Spec:
        """Channels first; uint8 where the training images were bytes."""
        height, width = self._fitted()
        return Spec((self.channels, height, width), "CHW", "uint8" if self.depth == "byte" else "float32")

    @property
    def dtype(self) -> type[np.generic]:
        """Of the encoded array."""
        return np.uint8 if self.depth == "byte" else np.float32

    def fit(self, values: Any) -> Self:
        """Learns from images; of files, only the headers are read. Bad ones are told by `encode`, not here.

        Raises:
            DataError: no image is there or can be read, the container is no list of images, or the policy is
                `"raise"` and some are bad (all are reported).
        """
        rows = rows_of_images(values)
        looks, found = looks_at(rows, self.root)
        self.bad = IMAGES.listed(found.bad, rows, by_row)
        IMAGES.stop(found, rows, by_row, self.on_bad_file)
        self.learn(looks, self.bad)
        return self

    def learn(self, looks: Sequence[ImageProfile], bad: Sequence[Unreadable] = ()) -> None:
        """As `fit`, of images that were looked at.

        Raises:
            DataError: there are none, or they do not fit each other.
        """
        if not looks:
            head = "At least one training row must hold an image; all are missing"
            if bad and all(one.reason == "no such file" for one in bad):
                told = (
                    "None of the images is there. Relative paths count from root=, or from the table's folder, or from"
                )
                raise DataError(listing(f"{told} the current one:", bad))
            raise DataError(listing(f"{head} or cannot be read:", bad) if bad else f"{head}.")
        self.size = self.wanted or target_size([(one.height, one.width) for one in looks], self.largest)
        self.channels = self.wanted_channels or target_channels({one.channels for one in looks})
        self.depth = target_depth(looks)
        if self.wanted_channels is not None and self.depth == "raw":
            self.depth = "byte"  # floats from 0 to 255; a pretrained encoder can read no others, and `toned` says so

    def encode(self, values: Any) -> Encoded:
        """Images -> (B, C, H, W) and presence; other sizes are resampled, other channels converted.

        Warns:
            BadImageWarning: some cannot be read; they are taken as missing.

        Raises:
            DataError: images that cannot be read where the policy is `"raise"`, or that cannot be converted into the
                learnt form (all are reported).
        """
        rows = rows_of_images(values)
        one = (*self._fitted(), self.channels)
        if isinstance(rows, np.ndarray) and rows.shape == one and one[1:] != (1, 1):  # (H, 1, 1): H rows of one pixel
            raise DataError(f"One image of shape {rows.shape} came where rows of images belong; add an axis: x[None].")
        encoded, found = self.attempt(rows)
        self.bad = IMAGES.listed(found.bad, rows, by_row)
        IMAGES.stop(found, rows, by_row, self.on_bad_file)
        IMAGES.warn_of(self.bad, len(rows))
        return encoded

    def unreadable_rows(self, values: Any) -> dict[int, list[str]]:
        """Rows whose image cannot be read, whatever the policy, each with the reason. Needs no `fit`."""
        rows = rows_of_images(values)
        bad = {} if isinstance(rows, np.ndarray) else unreadable(rows, self.root).bad
        images = IMAGES.listed(bad, rows, by_row)
        return {row: [str(image)] for row, image in zip(sorted(bad), images, strict=True)}

    def attempt(self, rows: np.ndarray | Sequence[Any]) -> tuple[Encoded, Problems]:
        """As `encode`, of what `rows_of_images` gave; tells what went wrong, and leaves it to the caller."""
        size = self._fitted()
        if not isinstance(rows, np.ndarray):
            return self._attempt_each(rows)
        if rows.shape[1:3] != size or _channels(rows) != self.channels:
            return self._attempt_each(list(rows))
        absent = _absent(rows)
        try:
            array = _channels_first(toned(rows, self.depth))
        except DataError:  # again row by row, to tell which
            return self._attempt_each(list(rows))
        return Encoded(array, ~absent), Problems()

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

    def _attempt_each(self, rows: Sequence[Any]) -> tuple[Encoded, Problems]:
        size = self._fitted()
        array = np.zeros((len(rows), self.channels, *size), self.dtype)
        present = np.zeros(len(rows), bool)

        def place(row: int) -> None:
            if not is_missing(rows[row]):
                array[row] = self._fitting(rows[row], size).transpose(2, 0, 1)
                present[row] = True

        return Encoded(array, present), _for_each(place, rows)[1]

    def _fitting(self, item: Any, size: tuple[int, int]) -> np.ndarray:
        pixels = read(item, self.channels, size, self.root)
        try:
            pixels = toned(pixels, self.depth)
        except DataError as error:  # of a file, it is the file that is odd; of an array, the call
            raise (BadImageError(str(error)) if is_image(item) else error) from None
        return resized(with_channels(pixels, self.channels), size, self.interpolation)


def rows_of_images(values: Any) -> np.ndarray | list[Any]:
    """A numeric array (B, H, W) or (B, H, W, C) as it is, anything else as a list of images."""
    if is_image(values):
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


def looks_at(rows: np.ndarray | Sequence[Any], root: str | None = None) -> tuple[list[ImageProfile], Problems]:
    """What is known of the images that are there before their pixels are wanted, and what cannot be looked at."""
    if isinstance(rows, np.ndarray):
        _check_channels_last(rows)
        if _absent(rows).all():
            return [], Problems()
        deep = rows.dtype == np.uint16
        return [ImageProfile(rows.shape[1], rows.shape[2], _channels(rows), depth_of(rows), deep)], Problems()
    looks, found = _for_each(lambda row: None if is_missing(rows[row]) else profile(rows[row], root), rows)
    return [one for one in looks if one is not None], found


def unreadable(rows: Sequence[Any], root: str | None = None) -> Problems:
    """The images that cannot be read, found by reading all of them, at reduced size where that is possible."""

    def attempt(row: int) -> None:
        if is_image(rows[row]) and not is_missing(rows[row]):
            read(rows[row], 3, (1, 1), root)

    return _for_each(attempt, rows)[1]


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


def _for_each(work: Callable[[int], Result], rows: Sequence[Any]) -> tuple[list[Result | None], Problems]:
    """Does `work` for every row, with threads where files are read, and notes all that goes wrong."""
    found = Problems()

    def attempt(row: int) -> Result | None:
        try:
            return work(row)
        except BadImageError as error:
            found.bad[row] = str(error)
        except (ValueError, TypeError, MemoryError) as error:
            found.wrong[row] = str(error)
        return None

    if not any(map(is_image, rows)):
        return [attempt(row) for row in range(len(rows))], found
    with warnings.catch_warnings():  # Pillow warns of huge images, broken metadata and the like: what is bad is told
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            return list(pool.map(attempt, range(len(rows)))), found
