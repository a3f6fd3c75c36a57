"""Preprocessing of sets of images as visual words."""

from __future__ import annotations

from medley.core.codec import Codec
from medley.core.input import Preprocessing
from medley.image.unreadable import Policy


class VisualWords(Preprocessing, register="image.visual_words"):
    """Encodes the images of a row as one short vector, learned without labels (see `VisualWordsCodec`).

    It is called on an `ImageSetInput`, whose `size` it ignores.

    Args:
        max_images: as in `ImageSetInput`.
        root: as in `ImageSetInput`.
        positions: as in `ImageSetInput`.
        on_bad_file: as in `ImageSetInput`.

    Shape: rows -> (B, D), D at most 20.

    >>> VisualWords(max_images=4)
    VisualWords(max_images=4)
    """

    max_images: int | None = None
    root: str | None = None
    positions: bool = False
    on_bad_file: Policy = "warn"

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
            )
        )
