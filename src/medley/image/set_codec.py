"""Codec of several images per row -> one array of one size, with empty positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.row_reporting import row_number
from medley.core.rules import Flag, Items, Maybe, StateRules, Text, Whole
from medley.core.spec import Spec
from medley.errors import DataError
from medley.image.codec import ImageCodec, profile_rows, unreadable
from medley.image.pixels import MAX_PIXELS
from medley.image.set_rows import SetRows, read_sets
from medley.image.unreadable import IMAGES, Policy, Problems, Unreadable

DECODE_BATCH_SIZE = 512
"""Number of images that are decoded at once: enough for all threads, few enough to need little memory."""

MAX_IMAGES = 10_000
"""Limit of the number of images per row in the state of a saved model."""


class ImageSetCodec(Codec):
    """Learns the largest number of images per row, and the properties of images that `ImageCodec` learns.

    Empty positions are zeros, as absent rows are. To keep black images distinct from them, the first value of an image
    that is all zeros is set to the smallest non-zero value: 1 of 255, or 1e-30 if pixels are floats.

    Args:
        size: height and width; if unset, they are learned.
        max_images: largest number of images per row; if unset, that of the training rows.
        positions: whether positions matter (as those of columns). If so, images keep their positions, with empty ones
            between them; otherwise images are moved to the front.
        root: the folder that relative paths are resolved against.
        on_bad_file: how to handle images that cannot be read (`unreadable.Policy`).
        largest: the longest side of a learned size.
        max_pixels: as of `ImageCodec`.

    Attributes:
        unreadable: the images that the last `fit` or `encode` could not read.

    >>> rows = [[np.zeros((4, 4)), np.ones((4, 4))], [np.ones((4, 4))], None]
    >>> codec = ImageSetCodec().fit(rows)
    >>> str(codec.spec), codec.encode(rows).present
    ('(S=2 C=1 H=4 W=4)', array([ True,  True, False]))
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        max_images: int | None = None,
        *,
        positions: bool = False,
        root: str | None = None,
        on_bad_file: Policy = "warn",
        largest: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.images = ImageCodec(size, root=root, on_bad_file=on_bad_file, largest=largest, max_pixels=max_pixels)
        self.max_images = max_images
        self.positions = positions
        self.places = 0
        self.names: list[str] | None = None
        self.unreadable: list[Unreadable] = []

    @property
    def spec(self) -> Spec:
        """(S, C, H, W): positions, then the axes of an image."""
        image = self.images.spec
        return Spec((self.places, *image.shape), "SCHW", image.dtype)

    def fit(self, values: Any) -> Self:
        """Learns from rows of images; of files, only the headers are read. Only `encode` warns of unreadable ones.

        Raises:
            DataError: there is no readable image, the rows have an unknown format, or the policy is `"raise"` and some
                images cannot be read (all are listed).
        """
        rows = read_sets(values)
        self._check_columns(rows)
        flat = _FlatImages(rows.images, self.max_images, positions=self.positions)
        profiles, problems = profile_rows(flat.items, self.images.root, self.images.max_pixels)
        self._report(flat, problems)
        self.images.learn(profiles, self.unreadable)
        self.places, self.names = int(flat.places.max()) + 1, rows.names
        return self

    def encode(self, values: Any) -> Encoded:
        """Encodes rows as (B, S, C, H, W); a row is present if it has a readable image.

        Of rows with more images than positions, the first images are used.

        Warns:
            BadImageWarning: some cannot be read; they are treated as missing.

        Raises:
            DataError: images that cannot be read where the policy is `"raise"`, images whose channels or values cannot
                be converted to the learned ones (all are listed), or missing columns.
        """
        spec = self.spec
        rows = read_sets(values, self.names)
        self._check_columns(rows)
        flat = _FlatImages(rows.images, self.places, positions=self.positions)
        array = np.zeros((len(rows.images), *spec.shape), self.images.dtype)
        present = np.zeros(len(rows.images), bool)
        problems = Problems()
        for start in range(0, len(flat.items), DECODE_BATCH_SIZE):
            batch = flat.items[start : start + DECODE_BATCH_SIZE]
            encoded, batch_problems = self.images.try_encode(batch)
            problems.unreadable.update({start + index: reason for index, reason in batch_problems.unreadable.items()})
            problems.invalid.update({start + index: reason for index, reason in batch_problems.invalid.items()})
            readable = start + np.flatnonzero(encoded.present)
            array[flat.rows[readable], flat.places[readable]] = _without_all_zeros(encoded.array[encoded.present])
            present[flat.rows[readable]] = True
        self._report(flat, problems)
        IMAGES.warn_of(self.unreadable, len(flat.items))
        return Encoded(array, present)

    def unreadable_rows(self, values: Any) -> dict[int, list[str]]:
        """Rows with images that cannot be read, whatever the policy, each with the reasons. Does not need `fit`."""
        flat = _FlatImages(read_sets(values, self.names).images, None, positions=True)
        unreadable_items = unreadable(flat.items, self.images.root, self.images.max_pixels).unreadable
        reasons: dict[int, list[str]] = {}
        images = IMAGES.list_items(unreadable_items, flat.items, flat.where)
        for index, image in zip(sorted(unreadable_items), images, strict=True):
            reasons.setdefault(int(flat.rows[index]), []).append(str(image))
        return reasons

    def state(self) -> dict[str, Any]:
        """The state of the images' codec, the number of positions and the columns."""
        return {**self.images.state(), "places": self.places, "positions": self.positions, "names": self.names}

    RULES = StateRules(places=Whole(1, MAX_IMAGES), positions=Flag(), names=Maybe(Items(Text(), low=1, is_unique=True)))

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self.images.restore(state)
        values = self.RULES.read(state)
        self.places, self.positions, self.names = values["places"], values["positions"], values["names"]
        return self

    def _report(self, flat: _FlatImages, problems: Problems) -> None:
        self.unreadable = IMAGES.list_items(problems.unreadable, flat.items, flat.where)
        IMAGES.raise_errors(problems, flat.items, flat.where, self.images.on_bad_file)

    def _check_columns(self, rows: SetRows) -> None:
        if self.positions and rows.columns > 1:
            for row, images in enumerate(rows.images):
                if len(images) != rows.columns:
                    raise DataError(
                        f"With positions=True, each of the {rows.columns} columns must hold one image per row, but row "
                        f"{row_number(row)} has {len(images)} images. Set positions=False, or pass lists."
                    )


class _FlatImages:
    """All images of all rows in one list.

    Args:
        rows: the images of each row, None where one is missing.
        limit: number of positions per row; None for all.
        positions: whether images keep their positions, with empty ones between them.

    Attributes:
        items: the N images.
        rows: the row of each (N,).
        places: the position of each in the encoded row (N,).
    """

    def __init__(self, rows: Sequence[Sequence[Any]], limit: int | None, *, positions: bool) -> None:
        self.items: list[Any] = []
        coordinates: list[tuple[int, int, int]] = []
        for row, images in enumerate(rows):
            present = [index for index, image in enumerate(images) if image is not None]
            for rank, index in enumerate(present):
                place = index if positions else rank
                if limit is None or place < limit:
                    self.items.append(images[index])
                    coordinates.append((row, place, index))
        self.rows, self.places, self._original_places = np.array(coordinates, np.intp).reshape(-1, 3).T

    def where(self, index: int) -> tuple[int, int]:
        """An image's row, and its position in the row as passed by the caller."""
        return int(self.rows[index]), int(self._original_places[index])


def _without_all_zeros(images: np.ndarray) -> np.ndarray:
    """Sets the first value of images (N, C, H, W) that are all zeros to the smallest non-zero value."""
    smallest = 1 if images.dtype == np.uint8 else 1e-30
    images[~images.any((1, 2, 3)), 0, 0, 0] = smallest
    return images
