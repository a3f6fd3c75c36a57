"""The default encoder of plain numbers."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.registry import lookup
from medley.core.shape import Flatten
from medley.core.spec import Spec


class GeneralBlock(Composite, register="series.general"):
    """Whatever it is, flattened, and dense layers on it.

    Shape: (B, *any) -> (B, D).

    >>> GeneralBlock()
    GeneralBlock()
    """

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the two."""
        return lookup("tabular.dense")()(Flatten()(nodes))
