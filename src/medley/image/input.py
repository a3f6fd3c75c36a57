"""Input of one image per row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Self

from medley.core.arguments import whole_number_problem
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.column import ColumnGuess
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.image.pixels import MAX_PIXELS
from medley.image.pretrained import IMAGE_MODELS
from medley.image.sizes import as_text, pair, reduced, root_problem, size_problem
from medley.image.unreadable import IMAGES, Policy
from medley.nn.pretrained_argument import pretrained_problem


class ImageInput(InputBlock, register="image.input"):
    """One image per row.

    Values are an array (B, H, W) or (B, H, W, C) with any number of channels, or a list of arrays, paths, base64
    strings, file contents or Pillow images, of any sizes. None, NaN and arrays that are all NaN are missing images. Of
    an animation, the first frame is read.

    Args:
        size: side length, or (height, width), to which images are resized; if unset, images that all have one size
            keep it, and others are resized to their median size, the longer side at most 224.
        largest: the longest side of images whose size is not set; larger ones are reduced, their aspect ratio kept.
        root: the folder that relative paths are resolved against; if unset, the working directory.
        on_bad_file: how to handle images that cannot be read (no such file, damaged, empty, too large to decode):
            `"warn"` treats them as missing and lists them in one `BadImageWarning`; `"raise"` raises a `DataError` that
            lists them; `"drop"` excludes their rows from training in `medley.fit`, and is `"warn"` elsewhere.
        pretrained: of its default block, as in `ImageBlock`.
        max_pixels: larger images count as images that cannot be read, unless they are JPEG files that are decoded at
            reduced size; all that are decoded at once have no more pixels either.

    Raises:
        ConfigError: the size does not consist of positive integers, or the policy is unknown.

    >>> ImageInput(size=64).codec().fixed_size
    (64, 64)
    """

    kinds: ClassVar[tuple[str, ...]] = ("image",)

    claim_rank: ClassVar[float | None] = 21.0
    pretrained_modality: ClassVar[str | None] = "image"
    pretrained_models: ClassVar[tuple[str, ...]] = IMAGE_MODELS

    size: int | tuple[int, int] | None = field(default=None, kw_only=True)
    largest: int | None = field(default=None, kw_only=True)
    root: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    on_bad_file: Policy = field(default="warn", kw_only=True)
    pretrained: bool | str | None = field(default=None, kw_only=True)
    max_pixels: int = field(default=MAX_PIXELS, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", as_text(self.root))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Checks size, root, on_bad_file and pretrained."""
        yield from size_problem(self.size)
        yield from whole_number_problem(self.largest, "largest")
        yield from whole_number_problem(self.max_pixels, "max_pixels")
        yield from root_problem(self.root)
        yield from IMAGES.policy_problem(self.on_bad_file)
        yield from pretrained_problem(self.pretrained)

    def codec(self) -> Codec:
        """An `ImageCodec`."""
        from medley.image.codec import ImageCodec

        files: Any = {"root": as_text(self.root), "on_bad_file": self.on_bad_file, "max_pixels": self.max_pixels}
        return ImageCodec(pair(self.size), largest=self.largest, **files)

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input per column; several columns of images are read by `ImageSetInput` instead."""
        policy: Any = options.on_bad_file
        return [InputColumns(cls(name=column.name, on_bad_file=policy), (column.name,)) for column in columns]

    @property
    def choices(self) -> Mapping[str, Any]:
        return {**super().choices, **({} if self.largest is None else {"largest": self.largest})}

    def for_time(self, seconds_per_row: float) -> Self:
        """Reduces images to a size that a small network learns from in time."""
        return reduced(self, seconds_per_row)

    def default_block(self) -> Block:
        """`ImageBlock`."""
        from medley.image.block import ImageBlock

        return ImageBlock(pretrained=self.pretrained)
