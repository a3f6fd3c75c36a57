"""Checks and choices of the arguments `size` and `root`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any


def size_problem(size: Any) -> Iterator[str]:
    """An error message if a size is neither one nor two positive integers.

    >>> list(size_problem((3, 0)))
    ['size must be a whole number of pixels or a pair (height, width), got (3, 0).']
    """
    sides = size if isinstance(size, tuple | list) else (size, size)
    if size is not None and (len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides)):
        yield f"size must be a whole number of pixels or a pair (height, width), got {size!r}."


def pair(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Height and width of a size that may be one side length.

    >>> pair(64)
    (64, 64)
    """
    return (size, size) if isinstance(size, int) else None if size is None else (size[0], size[1])


def as_text(root: Any) -> Any:
    """A path as a string, which can be written as JSON; other values unchanged."""
    return os.fspath(root) if isinstance(root, os.PathLike) else root


def root_problem(root: Any) -> Iterator[str]:
    """An error message if a folder is not a path.

    >>> list(root_problem(3))
    ['root must be the path of a folder, got 3.']
    """
    if root is not None and not isinstance(root, str):
        yield f"root must be the path of a folder, got {root!r}."


SIDES = (32, 40, 48, 64, 80, 96, 128)
"""Longest sides that images may be reduced to."""

OVERHEAD = 2.2
"""Time of a whole training step over that of its convolutions."""


def affordable_side(seconds: float) -> int:
    """The longest side of an image that a small network can be trained on in this time, on this machine.

    Args:
        seconds: for a step over one image.

    >>> affordable_side(1e-9), affordable_side(1e3)
    (32, 128)
    """
    from medley.nn.speed import SIDE, seconds_per_image

    pixels = SIDE * SIDE * seconds / (OVERHEAD * seconds_per_image())
    return max((side for side in SIDES if side * side <= pixels), default=SIDES[0])


def reduced(block: Any, seconds: float) -> Any:
    """An input of images with the largest side that can be trained on in time; unchanged if its size is settled.

    Args:
        block: has `size`, `largest` and `pretrained`.
        seconds: for a training step over one image.
    """
    if block.size is not None or block.largest is not None or block.pretrained:
        return block
    return replace(block, largest=affordable_side(seconds))
