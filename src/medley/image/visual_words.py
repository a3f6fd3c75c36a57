"""Preprocessing of sets of images as visual words."""

from __future__ import annotations

from typing import Any, Self

from medley.core.block import DataSummary
from medley.core.codec import Codec
from medley.core.input import Preprocessing
from medley.image.pixels import MAX_PIXELS
from medley.image.unreadable import Policy

FEW_ROWS = 1_000
"""Rows below which a network for images memorises them."""


class VisualWords(Preprocessing, register="image.visual_words"):
    """Encodes the images of a row as one short vector, learned without labels (see `VisualWordsCodec`).

    It is called on an `ImageSetInput`, whose `size` it ignores. `ImageSetBlock` lets the search choose between visual
    words and a network.

    Args:
        max_images: as in `ImageSetInput`.
        root: as in `ImageSetInput`.
        positions: as in `ImageSetInput`.
        on_bad_file: as in `ImageSetInput`.
        max_pixels: as in `ImageSetInput`.

    Shape: rows -> (B, D), D at most 20.

    >>> VisualWords(max_images=4)
    VisualWords(max_images=4)
    """

    max_images: int | None = None
    root: str | None = None
    positions: bool = False
    on_bad_file: Policy = "warn"
    max_pixels: int = MAX_PIXELS

    @classmethod
    def for_input(cls, images: Any, *, positions: bool | None = None) -> Self:
        """Visual words with the settings of an input.

        Args:
            images: the `ImageSetInput`.
            positions: whether positions matter; if unset, as set on the input.
        """
        return cls(
            images.max_images,
            None if images.root is None else str(images.root),
            images.positions if positions is None else positions,
            images.on_bad_file,
            images.max_pixels,
        )

    @staticmethod
    def is_suited_to(summary: DataSummary) -> bool:
        """Whether a network would memorise the images, while there are other inputs to learn from.

        >>> VisualWords.is_suited_to(DataSummary(rows=300, inputs=2))
        True
        """
        return summary.rows < FEW_ROWS and summary.inputs > 1

    def codec(self) -> Codec:
        """A `VisualWordsCodec`."""
        from medley.image.set_codec import ImageSetCodec
        from medley.image.visual_words_codec import SIDE, VisualWordsCodec

        return VisualWordsCodec(
            ImageSetCodec(
                (SIDE, SIDE),
                self.max_images,
                positions=self.positions,
                root=self.root,
                on_bad_file=self.on_bad_file,
                max_pixels=self.max_pixels,
            )
        )
