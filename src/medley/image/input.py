"""Images as an input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import ClassVar

from medley.core.block import Block, Input
from medley.core.codec import Codec
from medley.core.kinds import Kind


class ImageInput(Input, register="image.input"):
    """One image per row.

    Rows come as an array (B, H, W) or (B, H, W, C) with any number of channels, or as a list of arrays, paths, bytes of
    files or images of Pillow's, of any sizes. None, NaN and arrays of nothing but NaN are missing images.

    Args:
        size: side, or (height, width), that all images get; left out, images that are all of one size keep it, and
            others are resampled to their median size, the longer side at most 224.

    Raises:
        ConfigError: the size is not of whole numbers from 1.

    >>> ImageInput(size=64).codec().wanted
    (64, 64)
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.IMAGE,)

    size: int | tuple[int, int] | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """The size is one or two whole numbers."""
        sides = self.size if isinstance(self.size, tuple | list) else (self.size, self.size)
        if self.size is None:
            return
        if len(sides) != 2 or not all(type(one) is int and one > 0 for one in sides):
            yield f"size must be a whole number of pixels or a pair (height, width), got {self.size!r}."

    def codec(self) -> Codec:
        """A codec of that size."""
        from medley.image.codec import ImageCodec

        if self.size is None:
            return ImageCodec()
        return ImageCodec((self.size, self.size) if isinstance(self.size, int) else (self.size[0], self.size[1]))

    def default_block(self) -> Block:
        """ImageBlock."""
        from medley.image.block import ImageBlock

        return ImageBlock()
