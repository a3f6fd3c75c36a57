"""The default block for sequences and time series."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.series.general import GeneralBlock
from medley.series.rnn import RNNBlock, sequence_spec
from medley.series.transformer import TransformerBlock


class TimeseriesBlock(Composite, register="series.block"):
    """One of three families of networks for sequences.

    Args:
        block_type: `"rnn"` (RNNBlock whose width is searched), `"dense"` (dense layers on all steps at once) or
            `"transformer"`.

    Shape: (B, T, D) -> (B, D')

    Raises:
        GraphError: called on something that is not a sequence.

    >>> TimeseriesBlock(block_type="dense")
    TimeseriesBlock(block_type='dense')
    """

    block_type: str | Space | None = searched(OneOf("rnn", "dense", "transformer"))

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Connects the chosen network."""
        sequence_spec(specs, "TimeseriesBlock")
        match self.block_type:
            case "dense":
                return GeneralBlock()(nodes)
            case "transformer":
                return TransformerBlock()(nodes)
        return RNNBlock(units=OneOf(16, 32, 64, 128, default=32))(nodes)
