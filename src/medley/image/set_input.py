"""Several images per row as an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar

from medley.core.block import Block
from medley.core.codec import Codec
from medley.core.column import ColumnGuess
from medley.core.input import Input, InputColumns, TableOptions
from medley.image.pretrained import IMAGE_MODELS
from medley.image.sizes import as_text, pair, root_problem, size_problem
from medley.image.unreadable import IMAGES, Policy
from medley.nn.pretrained_argument import pretrained_problem


class ImageSetInput(Input, register="image.set_input"):
    """Any number of images per row, which share one encoder.

    A row is a list or tuple of images in any form that `ImageInput` reads, paths joined by `;`, an array (S, H, W, C),
    one image, or nothing (None, NaN, an empty string or list). In a list, None is an image that is missing. Rows may
    also come as columns: a frame, a dict of columns or an array (B, M) of objects; a row's images are those of all its
    columns, and columns that have names are found by them when predicting.

    Args:
        size: side, or (height, width), that all images get; left out, it is learnt as by `ImageInput`.
        max_images: most images of a row; left out, as many as the training row with most of them has. Of a row with
            more, the first are taken.
        root: the folder of relative paths; left out, the working directory.
        positions: whether an image's place in its row means something, as that of columns (front, kitchen, ...) does.
            Places are then kept, and `ImageSetBlock` tells them apart; otherwise the order of images says nothing.
        on_bad_file: as of `ImageInput`; `"drop"` leaves out rows with any bad image.
        pretrained: of the default encoder of each image, as of `ImageBlock`.

    Raises:
        ConfigError: the size or number is not of whole numbers from 1; no such policy.

    >>> ImageSetInput(64, max_images=4).codec().max_images
    4
    """

    kinds: ClassVar[tuple[str, ...]] = ("image",)

    claim_rank: ClassVar[float | None] = 20.0
    pretrained_modality: ClassVar[str | None] = "image"
    pretrained_models: ClassVar[tuple[str, ...]] = IMAGE_MODELS

    size: int | tuple[int, int] | None = None
    max_images: int | None = None
    root: str | os.PathLike[str] | None = None
    positions: bool = field(default=False, kw_only=True)
    on_bad_file: Policy = field(default="warn", kw_only=True)
    pretrained: bool | str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", as_text(self.root))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Sizes are whole numbers, the root is a path, the policy one of three."""
        yield from size_problem(self.size)
        yield from root_problem(self.root)
        yield from IMAGES.policy_problem(self.on_bad_file)
        yield from pretrained_problem(self.pretrained)
        if self.max_images is not None and (type(self.max_images) is not int or self.max_images < 1):
            yield f"max_images must be a whole number from 1, got {self.max_images!r}."

    def codec(self) -> Codec:
        """A codec of that size."""
        from medley.image.set_codec import ImageSetCodec

        return ImageSetCodec(
            pair(self.size),
            self.max_images,
            positions=self.positions,
            root=as_text(self.root),
            on_bad_file=self.on_bad_file,
        )

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input for several columns of images, or for one whose cells hold several; else none."""
        several = any(column.form == "several" for column in columns)
        if len(columns) == 1 and not several:
            return []
        name = columns[0].name if len(columns) == 1 else options.free_name("images")
        made = cls(name=name, positions=not several, on_bad_file=options.on_bad_file)  # type: ignore[arg-type]
        return [InputColumns(made, tuple(column.name for column in columns))]

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> Any:
        """Columns of one image per cell by name; where cells hold several, a list per row of all its images."""
        if not any(columns[name].form == "several" for name in cells):
            return dict(cells)
        return [[image for cell in row for image in _listed(cell)] for row in zip(*cells.values(), strict=True)]

    def default_block(self) -> Block:
        """ImageSetBlock."""
        from medley.image.set_block import ImageSetBlock

        if not self.pretrained:
            return ImageSetBlock()
        from medley.image.block import ImageBlock

        return ImageSetBlock(ImageBlock(pretrained=self.pretrained))


def _listed(cell: Any) -> list[Any]:
    return list(cell) if isinstance(cell, list | tuple) else [] if cell is None else [cell]
