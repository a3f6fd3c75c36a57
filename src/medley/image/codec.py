"""Codec of images: rows in any container -> one array of one size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar, get_args

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import Choice, Items, StateRules, Whole
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.image.conversion import (
    INTERPOLATIONS,
    convert_channels,
    convert_depth,
    resize,
    target_channels,
    target_depth,
    target_size,
)
from medley.image.image_files import BadImageError
from medley.image.pixels import MAX_PIXELS, Depth, ImageProfile, depth_of, is_image, is_missing, profile, read
from medley.image.unreadable import IMAGES, Policy, Problems, Unreadable, by_row, list_message

MAX_SIDE = 16_384
"""Limit of the side of images, in pixels, in the state of a saved model."""

MAX_CHANNELS = 1_024

Result = TypeVar("Result")


class ImageCodec(Codec):
    """Learns size, number of channels and value range of images; encodes bytes to uint8, other pixels to float32.

    The encoded array does not depend on the container: an array (B, H, W) or (B, H, W, C), or a list of arrays, paths,
    base64 strings, file contents or Pillow images. A row that is None, NaN or an array that is all NaN is absent.

    Args:
        size: height and width; if unset, they are learned (`conversion.target_size`).
        interpolation: how images are resized: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
        root: the folder that relative paths are resolved against.
        on_bad_file: how to handle images that cannot be read (`unreadable.Policy`).
        largest: the longest side of a learned size.
        max_pixels: larger images cannot be read, unless they are JPEG files that are decoded at reduced size.
        fixed_channels: 1 for grey, 3 for colour, as a pretrained encoder expects; if unset, they are learned.

    Attributes:
        unreadable: the images that the last `fit` or `encode` could not read.

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
        fixed_channels: int | None = None,
        largest: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.largest = largest
        self.max_pixels = max_pixels
        self.fixed_size = size
        self.fixed_channels = fixed_channels
        self.interpolation = interpolation
        self.root = root
        self.on_bad_file: Policy = on_bad_file
        self.unreadable: list[Unreadable] = []
        self.size: tuple[int, int] | None = None
        self.channels = 0
        self.depth: Depth = "byte"

    @property
    def spec(self) -> Spec:
        """(C, H, W); uint8 if the training images were bytes."""
        height, width = self._fitted()
        return Spec((self.channels, height, width), "CHW", "uint8" if self.depth == "byte" else "float32")

    @property
    def dtype(self) -> type[np.generic]:
        """The type of the encoded array."""
        return np.uint8 if self.depth == "byte" else np.float32

    def fit(self, values: Any) -> Self:
        """Learns from images; of files, only the headers are read. `encode` warns of unreadable images, `fit` does not.

        Raises:
            DataError: there is no readable image, the container is not a list of images, or the policy is `"raise"` and
                some images cannot be read (all are listed).
        """
        rows = as_image_rows(values)
        profiles, problems = profile_rows(rows, self.root, self.max_pixels)
        self.unreadable = IMAGES.list_items(problems.unreadable, rows, by_row)
        IMAGES.raise_errors(problems, rows, by_row, self.on_bad_file)
        self.learn(profiles, self.unreadable)
        return self

    def learn(self, profiles: Sequence[ImageProfile], unreadable_images: Sequence[Unreadable] = ()) -> None:
        """Learns from profiles of images, as `fit` does from images.

        Raises:
            DataError: there are none, or their numbers of channels cannot be converted into each other.
        """
        if not profiles:
            head = "At least one training row must hold an image; all are missing"
            if unreadable_images and all(image.reason == "no such file" for image in unreadable_images):
                not_found = (
                    "None of the image files exists. Relative paths are resolved against root=, else against the"
                )
                raise DataError(
                    list_message(f"{not_found} table's folder or the working directory:", unreadable_images)
                )
            listed = list_message(f"{head} or cannot be read:", unreadable_images)
            raise DataError(listed if unreadable_images else f"{head}.")
        self.size = self.fixed_size or target_size(
            [(profile.height, profile.width) for profile in profiles], self.largest
        )
        self.channels = self.fixed_channels or target_channels({profile.channels for profile in profiles})
        self.depth = target_depth(profiles)
        if self.fixed_channels is not None and self.depth == "raw":
            self.depth = "byte"  # a pretrained encoder reads pixels from 0 to 255 only; `convert_depth` rejects others

    def encode(self, values: Any) -> Encoded:
        """Encodes images as (B, C, H, W) with their presence; converts sizes and channels.

        Warns:
            BadImageWarning: some cannot be read; they are treated as missing.

        Raises:
            DataError: images that cannot be read where the policy is `"raise"`, or whose channels or values cannot be
                converted to the learned ones (all are listed).
        """
        rows = as_image_rows(values)
        image_shape = (*self._fitted(), self.channels)
        # (H, 1, 1) is H rows of one pixel.
        if isinstance(rows, np.ndarray) and rows.shape == image_shape and image_shape[1:] != (1, 1):
            raise DataError(f"Expected rows of images, got one image of shape {rows.shape}; add an axis: x[None].")
        encoded, problems = self.try_encode(rows)
        self.unreadable = IMAGES.list_items(problems.unreadable, rows, by_row)
        IMAGES.raise_errors(problems, rows, by_row, self.on_bad_file)
        IMAGES.warn_of(self.unreadable, len(rows))
        return encoded

    def unreadable_rows(self, values: Any) -> dict[int, list[str]]:
        """Rows whose image cannot be read, whatever the policy, each with the reason. Does not need `fit`."""
        rows = as_image_rows(values)
        reasons = {} if isinstance(rows, np.ndarray) else unreadable(rows, self.root, self.max_pixels).unreadable
        images = IMAGES.list_items(reasons, rows, by_row)
        return {row: [str(image)] for row, image in zip(sorted(reasons), images, strict=True)}

    def try_encode(self, rows: np.ndarray | Sequence[Any]) -> tuple[Encoded, Problems]:
        """Encodes the result of `as_image_rows`; returns problems instead of raising or warning."""
        size = self._fitted()
        if not isinstance(rows, np.ndarray):
            return self._try_encode_each(rows)
        if rows.shape[1:3] != size or _channels(rows) != self.channels:
            return self._try_encode_each(list(rows))
        absent = _absent(rows)
        try:
            array = _channels_first(convert_depth(rows, self.depth))
        except DataError:  # row by row, to find out which rows cannot be converted
            return self._try_encode_each(list(rows))
        return Encoded(array, ~absent), Problems()

    def state(self) -> dict[str, Any]:
        """Size, channels, depth and interpolation."""
        return {
            "size": list(self._fitted()),
            "channels": self.channels,
            "depth": self.depth,
            "interpolation": self.interpolation,
        }

    RULES = StateRules(
        size=Items(Whole(1, MAX_SIDE), 2),
        channels=Whole(1, MAX_CHANNELS),
        depth=Choice(*get_args(Depth)),
        interpolation=Choice(*INTERPOLATIONS),
    )

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        height, width = values["size"]
        self.size, self.channels, self.depth = (height, width), values["channels"], values["depth"]
        self.interpolation = values["interpolation"]
        return self

    def _fitted(self) -> tuple[int, int]:
        if self.size is None:
            raise NotFittedError("ImageCodec is not fitted; call fit(training_rows) first.")
        return self.size

    def _try_encode_each(self, rows: Sequence[Any]) -> tuple[Encoded, Problems]:
        size = self._fitted()
        array = np.zeros((len(rows), self.channels, *size), self.dtype)
        present = np.zeros(len(rows), bool)

        def encode_row(row: int) -> None:
            if not is_missing(rows[row]):
                array[row] = self._read_and_convert(rows[row], size).transpose(2, 0, 1)
                present[row] = True

        return Encoded(array, present), _for_each(encode_row, rows)[1]

    def _read_and_convert(self, item: Any, size: tuple[int, int]) -> np.ndarray:
        pixels = read(item, self.channels, size, self.root, self.max_pixels)
        try:
            pixels = convert_depth(pixels, self.depth)
        except DataError as error:  # a file is reported as unreadable, an array is an error of the caller
            raise (BadImageError(str(error)) if is_image(item) else error) from None
        return resize(convert_channels(pixels, self.channels), size, self.interpolation)


def as_image_rows(values: Any) -> np.ndarray | list[Any]:
    """A numeric array (B, H, W) or (B, H, W, C) unchanged, anything else as a list of images."""
    if is_image(values):
        raise DataError(
            f"Expected rows of images, got one {type(values).__name__}: {str(values)[:80]!r}; put it into a list."
        )
    if isinstance(values, list | tuple):
        return _stack_if_uniform(values)
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
    if array.ndim == 0:
        raise DataError(f"Expected rows of images, got one {type(values).__name__}.")
    if array.dtype.kind in "buif":
        if array.ndim not in (3, 4) or 0 in array.shape[1:]:
            raise DataError(
                "Images must have shape (rows, height, width) or (rows, height, width, channels), "
                f"got an array of shape {array.shape}."
            )
        return array
    if array.ndim == 2 and array.shape[1] == 1:  # a frame with one column
        array = array[:, 0]
    return list(array)


def _stack_if_uniform(values: Sequence[Any]) -> np.ndarray | list[Any]:
    first = values[0] if values else None
    if isinstance(first, np.ndarray) and first.dtype.kind in "buif" and first.ndim in (2, 3):
        layout = (first.shape, first.dtype)
        if first.size and all(
            isinstance(image, np.ndarray) and (image.shape, image.dtype) == layout for image in values
        ):
            return np.stack(values)
    return list(values)


def profile_rows(
    rows: np.ndarray | Sequence[Any], root: str | None = None, max_pixels: int = MAX_PIXELS
) -> tuple[list[ImageProfile], Problems]:
    """Profiles of the images that are present, from headers where possible, and the problems met."""
    if isinstance(rows, np.ndarray):
        _check_channels_last(rows)
        if _absent(rows).all():
            return [], Problems()
        is_deep = rows.dtype == np.uint16
        return [ImageProfile(rows.shape[1], rows.shape[2], _channels(rows), depth_of(rows), is_deep)], Problems()
    profiles, problems = _for_each(
        lambda row: None if is_missing(rows[row]) else profile(rows[row], root, max_pixels), rows
    )
    return [profile for profile in profiles if profile is not None], problems


def unreadable(rows: Sequence[Any], root: str | None = None, max_pixels: int = MAX_PIXELS) -> Problems:
    """Finds the images that cannot be read by reading all of them, at reduced size where possible."""

    def try_read(row: int) -> None:
        if is_image(rows[row]) and not is_missing(rows[row]):
            read(rows[row], 3, (1, 1), root, max_pixels)

    return _for_each(try_read, rows)[1]


def _check_channels_last(rows: np.ndarray) -> None:
    if rows.ndim == 4 and rows.shape[1] in (1, 3) and rows.shape[2] == rows.shape[3] > 4:
        raise DataError(
            f"Images of shape {rows.shape} seem to have the channels first; put them last: np.moveaxis(x, 1, -1). "
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
    """Calls `work` for every row, in threads where files are read, and collects all problems."""
    problems = Problems()

    def call(row: int) -> Result | None:
        try:
            return work(row)
        except BadImageError as error:
            problems.unreadable[row] = str(error)
        except (ValueError, TypeError, MemoryError) as error:
            problems.invalid[row] = str(error)
        return None

    if not any(map(is_image, rows)):
        return [call(row) for row in range(len(rows))], problems
    with (
        warnings.catch_warnings()
    ):  # Pillow's own warnings (huge images, broken metadata): unreadable images are reported
        warnings.filterwarnings("ignore", module=r"PIL\.")
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            return list(pool.map(call, range(len(rows)))), problems
