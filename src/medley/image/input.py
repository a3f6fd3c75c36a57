"""Images as an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Any, ClassVar

from medley.core.block import Block, Input
from medley.core.codec import Codec
from medley.core.kinds import Kind
from medley.image.bad import Policy, policy_problem


class ImageInput(Input, register="image.input"):
    """One image per row.

    Rows come as an array (B, H, W) or (B, H, W, C) with any number of channels, or as a list of arrays, paths, base64
    strings, bytes of files or images of Pillow's, of any sizes. None, NaN and arrays of nothing but NaN are missing
    images. Of an animation, the first frame is read.

    Args:
        size: side, or (height, width), that all images get; left out, images that are all of one size keep it, and
            others are resampled to their median size, the longer side at most 224.
        root: the folder of relative paths; left out, the working directory.
        on_bad_image: what becomes of pictures that cannot be read (no such file, damaged, empty, too large to be
            decoded): `"warn"` takes them as missing and lists them in one `BadImageWarning`; `"raise"` is a `DataError`
            that lists them; `"drop"` leaves their rows out of the training where a table is fitted, and elsewhere
            does as `"warn"`.

    Raises:
        ConfigError: the size is not of whole numbers from 1; no such policy.

    >>> ImageInput(size=64).codec().wanted
    (64, 64)
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.IMAGE,)

    size: int | tuple[int, int] | None = field(default=None, kw_only=True)
    root: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    on_bad_image: Policy = field(default="warn", kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", as_text(self.root))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """The size is one or two whole numbers, the root a path, the policy one of three."""
        yield from size_problem(self.size)
        yield from root_problem(self.root)
        yield from policy_problem(self.on_bad_image)

    def codec(self) -> Codec:
        """A codec of that size."""
        from medley.image.codec import ImageCodec

        return ImageCodec(pair(self.size), root=as_text(self.root), on_bad_image=self.on_bad_image)

    def default_block(self) -> Block:
        """ImageBlock."""
        from medley.image.block import ImageBlock

        return ImageBlock()


def size_problem(size: Any) -> Iterator[str]:
    """A sentence where a size is neither one nor two whole numbers from 1.

    >>> list(size_problem((3, 0)))
    ['size must be a whole number of pixels or a pair (height, width), got (3, 0).']
    """
    sides = size if isinstance(size, tuple | list) else (size, size)
    if size is not None and (len(sides) != 2 or not all(type(one) is int and one > 0 for one in sides)):
        yield f"size must be a whole number of pixels or a pair (height, width), got {size!r}."


def pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Height and width.

    >>> pair(64)
    (64, 64)
    """
    return (size, size) if isinstance(size, int) else None if size is None else (size[0], size[1])


def as_text(root: Any) -> Any:
    """A path as text, such as files can hold."""
    return os.fspath(root) if isinstance(root, os.PathLike) else root


def root_problem(root: Any) -> Iterator[str]:
    """A sentence where a folder is no path.

    >>> list(root_problem(3))
    ['root must be the path of a folder, got 3.']
    """
    if root is not None and not isinstance(root, str):
        yield f"root must be the path of a folder, got {root!r}."
