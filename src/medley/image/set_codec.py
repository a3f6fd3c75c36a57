"""Several images per row -> one array of one size, with empty places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.numbering import row_number
from medley.core.spec import Spec
from medley.errors import DataError
from medley.image.codec import ImageCodec, looks_at, unreadable
from medley.image.set_rows import SetRows, read_sets
from medley.image.unreadable import IMAGES, Policy, Problems, Unreadable

AT_ONCE = 512
"""Images that are decoded before they are put in place: enough for all threads, few enough to need little memory."""


class ImageSetCodec(Codec):
    """Learns how many places a row has at most, and of its images what `ImageCodec` learns.

    A place without an image is zeros, as absent rows are. So that no image is taken for one, the first number of an
    image that is all zeros becomes the least that is none: 1 of 255, or 1e-30 where pixels are floats.

    Args:
        size: height and width; left out, they are learnt.
        max_images: most places; left out, as many as the training row with most images has.
        positions: whether a place means something (columns). Then images keep their places, and empty ones between
            them count; otherwise they close ranks.
        root: the folder of relative paths.
        on_bad_file: what becomes of images that cannot be read (`bad.Policy`).

    Attributes:
        bad: the images that the last `fit` or `encode` could not read.

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
    ) -> None:
        self.images = ImageCodec(size, root=root, on_bad_file=on_bad_file)
        self.max_images = max_images
        self.positions = positions
        self.places = 0
        self.names: list[str] | None = None
        self.bad: list[Unreadable] = []

    @property
    def spec(self) -> Spec:
        """Places, then the axes of an image."""
        one = self.images.spec
        return Spec((self.places, *one.shape), "SCHW", one.dtype)

    def fit(self, values: Any) -> Self:
        """Learns from rows of images; of files, only the headers are read. Bad ones are told by `encode`, not here.

        Raises:
            DataError: no image is there or can be read, the rows are of no known form, or the policy is `"raise"` and
                some are bad (all are reported).
        """
        rows = read_sets(values)
        self._check_columns(rows)
        flat = _Flat(rows.images, self.max_images, positions=self.positions)
        looks, found = looks_at(flat.items, self.images.root)
        self._judge(flat, found)
        self.images.learn(looks, self.bad)
        self.places, self.names = int(flat.places.max()) + 1, rows.names
        return self

    def encode(self, values: Any) -> Encoded:
        """Rows -> (B, S, C, H, W) and presence: whether a row has an image that can be read.

        Of a row with more images than places, the first are taken.

        Warns:
            BadImageWarning: some cannot be read; they are taken as missing.

        Raises:
            DataError: images that cannot be read where the policy is `"raise"`, that cannot be converted into the
                learnt form (all are reported), or columns that are missing.
        """
        spec = self.spec
        rows = read_sets(values, self.names)
        self._check_columns(rows)
        flat = _Flat(rows.images, self.places, positions=self.positions)
        array = np.zeros((len(rows.images), *spec.shape), self.images.dtype)
        present = np.zeros(len(rows.images), bool)
        found = Problems()
        for start in range(0, len(flat.items), AT_ONCE):
            some = flat.items[start : start + AT_ONCE]
            encoded, problems = self.images.attempt(some)
            found.bad.update({start + at: reason for at, reason in problems.bad.items()})
            found.wrong.update({start + at: reason for at, reason in problems.wrong.items()})
            here = start + np.flatnonzero(encoded.present)
            array[flat.rows[here], flat.places[here]] = _never_empty(encoded.array[encoded.present])
            present[flat.rows[here]] = True
        self._judge(flat, found)
        IMAGES.warn_of(self.bad, len(flat.items))
        return Encoded(array, present)

    def unreadable_rows(self, values: Any) -> dict[int, list[str]]:
        """Rows with images that cannot be read, whatever the policy, each with the reasons. Needs no `fit`."""
        flat = _Flat(read_sets(values, self.names).images, None, positions=True)
        bad = unreadable(flat.items, self.images.root).bad
        reasons: dict[int, list[str]] = {}
        for place, image in zip(sorted(bad), IMAGES.listed(bad, flat.items, flat.where), strict=True):
            reasons.setdefault(int(flat.rows[place]), []).append(str(image))
        return reasons

    def state(self) -> dict[str, Any]:
        """What was learnt of the images, the number of places and their columns."""
        return {**self.images.state(), "places": self.places, "positions": self.positions, "names": self.names}

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self.images.restore(state)
        self.places, self.positions = int(state["places"]), bool(state["positions"])
        self.names = None if state["names"] is None else list(state["names"])
        return self

    def _judge(self, flat: _Flat, found: Problems) -> None:
        self.bad = IMAGES.listed(found.bad, flat.items, flat.where)
        IMAGES.stop(found, flat.items, flat.where, self.images.on_bad_file)

    def _check_columns(self, rows: SetRows) -> None:
        if self.positions and rows.columns > 1:
            for row, images in enumerate(rows.images):
                if len(images) != rows.columns:
                    raise DataError(
                        f"Each of the {rows.columns} columns holds one image per row where positions=True, but row "
                        f"{row_number(row)} has {len(images)} images. Set positions=False, or give lists."
                    )


class _Flat:
    """All images of all rows in one list.

    Args:
        rows: images, None where there is none.
        most: places per row; None for all.
        positions: whether empty places keep their place.

    Attributes:
        items: the images.
        rows: the row of each (N,).
        places: the place of each among the encoded ones of its row (N,).
    """

    def __init__(self, rows: Sequence[Sequence[Any]], most: int | None, *, positions: bool) -> None:
        self.items: list[Any] = []
        found: list[tuple[int, int, int]] = []
        for row, images in enumerate(rows):
            here = [at for at, one in enumerate(images) if one is not None]
            for place, at in enumerate(here):
                if most is None or (at if positions else place) < most:
                    self.items.append(images[at])
                    found.append((row, at if positions else place, at))
        self.rows, self.places, self._at = np.array(found, np.intp).reshape(-1, 3).T

    def where(self, at: int) -> tuple[int, int]:
        """An image's row, and its place there as the caller wrote it."""
        return int(self.rows[at]), int(self._at[at])


def _never_empty(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) of which none is all zeros."""
    least = 1 if images.dtype == np.uint8 else 1e-30
    images[~images.any((1, 2, 3)), 0, 0, 0] = least
    return images
