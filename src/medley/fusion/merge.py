"""Fusion of results of any shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.core import registry
from medley.core.block import Block, DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.core.words import MergeType
from medley.fusion.add import Add
from medley.fusion.attention import AttentionFusion
from medley.fusion.concatenate import Concatenate
from medley.fusion.gated import GatedFusion
from medley.fusion.join import JoinMaps, joinable
from medley.fusion.low_rank import LowRankFusion

FUSIONS: Mapping[str, type[Block]] = {
    "concatenate": Concatenate,
    "add": Add,
    "gated": GatedFusion,
    "attention": AttentionFusion,
    "low_rank": LowRankFusion,
}


class Merge(Composite, register="fusion.merge"):
    """Merges results of any shape, any of which may be absent in any row.

    Maps are averaged over space and sequences over time before they are merged as vectors; only if all are maps (or
    all sequences) of the same shape, adding and concatenating keep that shape. A single node is returned unchanged.

    Args:
        merge_type: `"concatenate"`, `"add"`, `"gated"`, `"attention"` or `"low_rank"`; see the
            blocks of these names.

    Shape: M x (B, any) -> (B, D), or the common shape.

    Raises:
        ConfigError: an unknown merge type.

    >>> Merge("add")
    Merge(merge_type='add')
    """

    merge_type: MergeType | Space | None = searched(OneOf(*FUSIONS))

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Concatenation: it has no weights and loses nothing."""
        return {"merge_type": "concatenate"}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Reduce inputs to vectors where needed, then fuse them."""
        if len(nodes) == 1:
            return nodes[0]
        merge_type = str(self.merge_type)
        if merge_type in ("add", "concatenate") and joinable(specs, merge_type):
            return JoinMaps(merge_type)(nodes)
        vectors = [_to_vector(node, spec) for node, spec in zip(nodes, specs, strict=True)]
        return FUSIONS[merge_type]()(vectors)


def _to_vector(node: Node, spec: Spec) -> Node:
    # Tables are left unchanged: the resolver converts them to vectors. It also converts tokens, but these keep their
    # time axis.
    if spec.is_vector or spec.is_table:
        return node
    if spec.is_map:
        return registry.lookup("core.spatial_reduction")(reduction_type="global_avg")(node)
    if spec.is_sequence or spec.is_tokens:
        return registry.lookup("core.temporal_reduction")(reduction_type="global_avg")(node)
    return registry.lookup("core.flatten")()(node)
