"""Sets of images as visual words, drawn between an input and what reads it."""

from __future__ import annotations

from medley.core.codec import Codec
from medley.core.input import Preprocessing
from medley.image.unreadable import Policy


class VisualWords(Preprocessing, register="image.visual_words"):
    """The images of a row as one short vector that is learnt without labels (`visual_words.VisualWordsCodec`).

    Called on an `ImageSetInput`; the size of its images is the words' own.

    Args:
        max_images: as of `ImageSetInput`.
        root: as of `ImageSetInput`.
        positions: as of `ImageSetInput`.
        on_bad_file: as of `ImageSetInput`.

    Shape: rows -> (B, D), D at most 20.

    >>> VisualWords(max_images=4)
    VisualWords(max_images=4)
    """

    max_images: int | None = None
    root: str | None = None
    positions: bool = False
    on_bad_file: Policy = "warn"

    def codec(self) -> Codec:
        """Learns words."""
        from medley.image.set_codec import ImageSetCodec
        from medley.image.visual_words import SIDE, VisualWordsCodec

        return VisualWordsCodec(
            ImageSetCodec(
                (SIDE, SIDE),
                self.max_images,
                positions=self.positions,
                root=self.root,
                on_bad_file=self.on_bad_file,
            )
        )
