"""Images as an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import Any, ClassVar

from medley.core.arguments import whole_number_problem
from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.column import ColumnGuess
from medley.core.input import Input, InputColumns, TableOptions
from medley.image.pretrained import IMAGE_MODELS
from medley.image.sizes import as_text, pair, root_problem, size_problem
from medley.image.unreadable import IMAGES, Policy
from medley.nn.pretrained_argument import pretrained_problem


class ImageInput(Input, register="image.input"):
    """One image per row.

    Rows come as an array (B, H, W) or (B, H, W, C) with any number of channels, or as a list of arrays, paths, base64
    strings, bytes of files or images of Pillow's, of any sizes. None, NaN and arrays of nothing but NaN are missing
    images. Of an animation, the first frame is read.

    Args:
        size: side, or (height, width), that all images get; left out, images that are all of one size keep it, and
            others are resampled to their median size, the longer side at most 224.
        largest: longest side that a learnt size may have; larger images are reduced, their shape kept. 224, if left out.
        root: the folder of relative paths; left out, the working directory.
        on_bad_file: what becomes of images that cannot be read (no such file, damaged, empty, too large to be
            decoded): `"warn"` takes them as missing and lists them in one `BadImageWarning`; `"raise"` is a `DataError`
            that lists them; `"drop"` leaves their rows out of the training where a table is fitted, and elsewhere
            does as `"warn"`.
        pretrained: of its default block, as of `ImageBlock`.

    Raises:
        ConfigError: the size is not of whole numbers from 1; no such policy.

    >>> ImageInput(size=64).codec().wanted
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", as_text(self.root))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """The size is one or two whole numbers, the root a path, the policy one of three."""
        yield from size_problem(self.size)
        yield from whole_number_problem(self.largest, "largest")
        yield from root_problem(self.root)
        yield from IMAGES.policy_problem(self.on_bad_file)
        yield from pretrained_problem(self.pretrained)

    def codec(self) -> Codec:
        """A codec of that size."""
        from medley.image.codec import ImageCodec

        return ImageCodec(pair(self.size), largest=self.largest, root=as_text(self.root), on_bad_file=self.on_bad_file)

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """The only column of images; several are an `ImageSetInput`'s."""
        policy: Any = options.on_bad_file
        return [InputColumns(cls(name=column.name, on_bad_file=policy, largest=48), (column.name,)) for column in columns]

    def default_block(self) -> Block:
        """ImageBlock."""
        from medley.image.block import ImageBlock

        return ImageBlock(pretrained=self.pretrained)
