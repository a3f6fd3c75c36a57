"""The default block for numeric arrays."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.registry import lookup
from medley.core.shape import Flatten
from medley.core.spec import Spec


class GeneralBlock(Composite, register="series.general"):
    """Flattens its input and applies dense layers.

    Shape: (B, *any) -> (B, D).

    >>> GeneralBlock()
    GeneralBlock()
    """

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Connects Flatten and DenseBlock."""
        return lookup("tabular.dense")()(Flatten()(nodes))
