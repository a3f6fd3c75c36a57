"""Input of several images per row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Self

from medley.core.arguments import whole_number_problems
from medley.core.block import Block, DataSummary, Node
from medley.core.codec import Codec
from medley.core.column import ColumnGuess
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.image.pixels import MAX_PIXELS
from medley.image.pretrained import IMAGE_MODELS
from medley.image.sizes import as_text, pair, reduced, root_problem, size_problem
from medley.image.unreadable import IMAGES, Policy
from medley.image.visual_words import VisualWords
from medley.nn.pretrained_argument import pretrained_problem

USUAL_IMAGES = 4
"""Images per row where their number is not set."""


class ImageSetInput(InputBlock, register="image.set_input"):
    """Any number of images per row, which share one encoder.

    A row is a list or tuple of images in any format that `ImageInput` reads, paths joined by `;`, an array
    (S, H, W, C), one image, or nothing (None, NaN, an empty string or list). In a list, None is a missing image. Values
    may also be columns: a frame, a dict of columns or an array (B, M) of objects; a row's images are those of all its
    columns, and named columns are matched by name in prediction.

    Args:
        size: side length, or (height, width), to which images are resized; if unset, it is learned as in `ImageInput`.
        max_images: largest number of images per row; if unset, that of the training rows. Of rows with more, the first
            are used.
        root: the folder that relative paths are resolved against; if unset, the working directory.
        positions: whether an image's position in its row matters, as that of columns (front, kitchen, ...) does.
            Positions are then kept, and `ImageSetBlock` distinguishes them; otherwise the order has no effect.
        on_bad_file: as in `ImageInput`; `"drop"` excludes rows with any unreadable image.
        largest: as in `ImageInput`.
        pretrained: of the default encoder of each image, as in `ImageBlock`.
        max_pixels: as in `ImageInput`.

    Raises:
        ConfigError: size or max_images does not consist of positive integers, or the policy is unknown.

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
    largest: int | None = field(default=None, kw_only=True)
    pretrained: bool | str | None = field(default=None, kw_only=True)
    max_pixels: int = field(default=MAX_PIXELS, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", as_text(self.root))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Checks size, root, on_bad_file, pretrained and max_images."""
        yield from size_problem(self.size)
        yield from root_problem(self.root)
        yield from IMAGES.policy_problem(self.on_bad_file)
        yield from pretrained_problem(self.pretrained)
        yield from whole_number_problems(self, "max_images", "max_pixels")

    def codec(self) -> Codec:
        """An `ImageSetCodec`."""
        from medley.image.set_codec import ImageSetCodec

        return ImageSetCodec(
            pair(self.size),
            self.max_images,
            positions=self.positions,
            root=as_text(self.root),
            on_bad_file=self.on_bad_file,
            largest=self.largest,
            max_pixels=self.max_pixels,
        )

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input for several columns of images, or for one column with several images per cell; otherwise none."""
        has_lists = any(column.form == "several" for column in columns)
        if len(columns) == 1 and not has_lists:
            return []
        name = columns[0].name if len(columns) == 1 else options.free_name("images")
        image_set = cls(name=name, positions=not has_lists, on_bad_file=options.on_bad_file)  # type: ignore[arg-type]
        return [InputColumns(image_set, tuple(column.name for column in columns))]

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> Any:
        """A dict of columns if each cell holds one image; if cells hold several, a list of all images per row."""
        if not any(columns[name].form == "several" for name in cells):
            return dict(cells)
        return [[image for cell in row for image in _as_list(cell)] for row in zip(*cells.values(), strict=True)]

    @property
    def choices(self) -> Mapping[str, Any]:
        return {**super().choices, **({} if self.largest is None else {"largest": self.largest})}

    def for_time(self, seconds_per_row: float) -> Self:
        """Reduces images to a size that a small network learns from in time."""
        return reduced(self, seconds_per_row / self.samples_per_row)

    @property
    def samples_per_row(self) -> int:
        """The images of a row."""
        return self.max_images or USUAL_IMAGES

    def shares_encoder(self, summary: DataSummary) -> bool:
        """Visual words, which few rows are read as, have no encoder that is trained."""
        return bool(self.pretrained) or not VisualWords.is_suited_to(summary)

    def encode_for_ensemble(self, summary: DataSummary) -> Node:
        """The default block, or visual words for few rows beside other inputs."""
        return self.default_block()(self) if self.shares_encoder(summary) else VisualWords.for_input(self)(self)

    def default_block(self) -> Block:
        """`ImageSetBlock`."""
        from medley.image.set_block import ImageSetBlock

        if not self.pretrained:
            return ImageSetBlock()
        from medley.image.block import ImageBlock

        return ImageSetBlock(ImageBlock(pretrained=self.pretrained))


def _as_list(cell: Any) -> list[Any]:
    return list(cell) if isinstance(cell, list | tuple) else [] if cell is None else [cell]
