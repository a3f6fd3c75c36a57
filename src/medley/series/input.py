"""Numbers of any shape as an input."""

from __future__ import annotations

from typing import ClassVar

from medley.core.block import Block
from medley.core.input import Input as Base
from medley.core.kinds import Kind
from medley.series.array import ArrayCodec
from medley.series.general import GeneralBlock


class Input(Base, register="series.input"):
    """Any array of numbers, as it is: nothing is scaled, Normalization() does that.

    Rows: (B,) or (B, D) vectors, (B, T, D) sequences, (B, H, W, C) or (B, Z, H, W, C) maps; as an array, a tensor, a
    frame, or a list with None where a row is missing. A row of nothing but NaN is missing too; a single NaN becomes 0.

    Shape: rows -> (B, D), (B, T, D), (B, C, H, W) or (B, C, Z, H, W).

    Raises:
        DataError: the rows are no numbers, or differ in shape.

    >>> import numpy as np
    >>> str(Input().codec().fit(np.zeros((100, 20))).spec)
    '(D=20)'
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.VECTOR, Kind.SERIES)

    def codec(self) -> ArrayCodec:
        """Numbers as they are."""
        return ArrayCodec()

    def default_block(self) -> Block:
        """Flatten and dense layers."""
        return GeneralBlock()
