"""Layers of a target's own behind an ensemble that several targets share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import GraphError
from medley.tabular.tabm import TabMBlock


class TaskLayers(Composite, register="tabular.task_layers"):
    """Layers between an ensemble that several targets share and one target's head: one block for each head.

    Targets that share all layers of a table's network each score less than alone; what they share pays in the first
    layers. Behind anything but an ensemble it is nothing.

    Args:
        num_layers: number of layers, each as wide as what comes in.

    Shape: (B, E, D) -> (B, E, D); anything else passes.

    >>> TaskLayers(num_layers=2)
    TaskLayers(num_layers=2)
    """

    num_layers: int | Space | None = searched(OneOf(1, 2, default=2))

    def check(self) -> Iterable[str]:
        """A whole number from 1."""
        if isinstance(self.num_layers, int | float) and (
            self.num_layers < 1 or self.num_layers != int(self.num_layers)
        ):
            yield f"num_layers must be a whole number from 1, got {self.num_layers!r}."

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the layers, where members come in."""
        if len(nodes) != 1:
            raise GraphError(f"it reads one node, got {len(nodes)}; join them with Merge() first.")
        if not specs[0].is_ensemble:
            return nodes[0]
        return TabMBlock(num_layers=self.num_layers, num_units=specs[0].shape[1])(nodes[0])
