"""Separates heads that share parts, so that each head can have the weights that are best for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from medley.core.block import Node
from medley.core.codec import TargetCodec
from medley.core.input import InputBlock, Preprocessing
from medley.core.layer import Layer
from medley.core.spec import Spec
from medley.graph.frozen import FrozenModules
from medley.graph.graph import Graph
from medley.graph.network import Network, part_key


def untie(
    graph: Graph,
    specs: Mapping[str, Spec],
    targets: Mapping[str, TargetCodec],
    weights: Mapping[str, Mapping[str, Tensor]],
    frozen: FrozenModules | None = None,
) -> tuple[Graph, Network]:
    """Builds a network in which each head has the weights that are best for it.

    Heads with the same weights share their parts; frozen parts are shared by all.

    Args:
        graph: resolved.
        specs: source name -> spec of its encoding.
        targets: head name -> fitted target codec.
        weights: head name -> trained tensors of a network of the graph; the same object for heads that share them.
        frozen: builds frozen parts.

    Returns:
        The graph, in which copied parts have names such as "dense (price)", and its network.
    """
    original = next(iter(weights.values()))
    groups = {head: "" if state is original else _first_head_with(weights, state) for head, state in weights.items()}
    copies: dict[tuple[int, str], Node] = {}
    blocks: dict[tuple[str, str], object] = {}

    def copy(node: Node, group: str) -> Node:
        if isinstance(node.block, InputBlock | Preprocessing) or not group or getattr(node.block, "is_stage", False):
            return node  # an earlier stage is shared by all heads
        key = (id(node), group)
        if key not in copies:
            inputs = tuple(copy(parent, group) for parent in node.inputs)
            is_shared = isinstance(node.block, Layer) and node.block.frozen and inputs == node.inputs
            name = str(node.block.name)
            if not is_shared and (name, group) not in blocks:
                blocks[name, group] = replace(node.block, name=f"{name} ({group})")
            copies[key] = node if is_shared else Node(blocks[name, group], inputs)  # type: ignore[arg-type]
        return copies[key]

    outputs = []
    for node in graph.outputs:
        group = groups[str(node.block.name)]
        outputs.append(Node(node.block, tuple(copy(parent, group) for parent in node.inputs)))
    new_graph = Graph(graph.inputs, tuple(outputs))
    network = Network(new_graph, specs, targets, frozen)
    state = network.state_dict()
    names = {(name, group): str(block.name) for (name, group), block in blocks.items()}  # type: ignore[attr-defined]
    for head, tensors in weights.items():
        group = groups[head]
        prefixes = {part_key(name): part_key(new) for (name, owner), new in names.items() if owner == group}
        for key, tensor in tensors.items():
            root, _, path = key.partition(".")
            if root != "parts":
                continue
            part, _, parameter = path.partition(".")
            if part in {part_key(name) for name in weights} and part != part_key(head):
                continue  # the layer of another head, which has its own tensors
            new_key = f"parts.{prefixes.get(part, part)}.{parameter}"
            if new_key in state and (group == "" or part in prefixes or part == part_key(head)):
                state[new_key] = tensor
    network.load_state_dict(state)
    return new_graph, network


def _first_head_with(weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Tensor]) -> str:
    return next(head for head, other in weights.items() if other is state)
