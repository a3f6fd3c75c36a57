"""Input of numeric arrays of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from medley.core.block import Block, DataSummary, Node
from medley.core.column import ColumnGuess
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.core.linear import LinearFeatures
from medley.core.normalization import Normalization
from medley.core.shape import Flatten
from medley.series.array import ArrayCodec
from medley.series.features import ArrayFeatures
from medley.series.general import GeneralBlock


class Input(InputBlock, register="series.input"):
    """Numeric arrays, unscaled; use Normalization() to scale them.

    Values are (B,) or (B, D) vectors, (B, T, D) sequences, (B, H, W, C) or (B, Z, H, W, C) maps; as an array, a tensor,
    a frame, or a list with None where a row is missing. A row that is all NaN is missing too; a single NaN becomes 0.

    Shape: rows -> (B, D), (B, T, D), (B, C, H, W) or (B, C, Z, H, W).

    Raises:
        DataError: the rows are not numeric, or differ in shape.

    >>> import numpy as np
    >>> str(Input().codec().fit(np.zeros((100, 20))).spec)
    '(D=20)'
    """

    kinds: ClassVar[tuple[str, ...]] = ("vector", "series")
    claim_rank: ClassVar[float | None] = 40.0

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """One input per column of vectors."""
        return super().from_columns([column for column in columns if column.kind == "vector"], options)

    def codec(self) -> ArrayCodec:
        """An `ArrayCodec`."""
        return ArrayCodec()

    def shares_encoder(self, summary: DataSummary) -> bool:
        return False

    def encode_for_ensemble(self, summary: DataSummary) -> Node:
        """The numbers, normalised."""
        return Flatten()(Normalization()(self))

    def linear_features(self) -> LinearFeatures:
        """The numbers, standardised."""
        return ArrayFeatures(self.codec())

    def default_block(self) -> Block:
        """`GeneralBlock`."""
        return GeneralBlock()
