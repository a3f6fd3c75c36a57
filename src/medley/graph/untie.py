"""A network whose heads share parts -> one in which some heads have copies of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from medley.core.block import Node
from medley.core.codec import TargetCodec
from medley.core.input import Input, Preprocessing
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

    Heads with the same weights share their parts; parts that never learn are shared by all.

    Args:
        graph: resolved.
        specs: source name -> spec of its encoding.
        targets: head name -> fitted target codec.
        weights: head name -> the trained tensors of a network of the graph; the same object where heads share them.
        frozen: builds frozen parts.

    Returns:
        The graph, whose copied parts have names such as "dense (price)", and its network.
    """
    first = next(iter(weights.values()))
    groups = {head: "" if state is first else _first_with(weights, state) for head, state in weights.items()}
    copies: dict[tuple[int, str], Node] = {}
    blocks: dict[tuple[str, str], object] = {}

    def copied(node: Node, group: str) -> Node:
        if isinstance(node.block, Input | Preprocessing) or not group or getattr(node.block, "is_stage", False):
            return node  # an earlier stage is the same for all heads
        key = (id(node), group)
        if key not in copies:
            inputs = tuple(copied(parent, group) for parent in node.inputs)
            is_shared = isinstance(node.block, Layer) and node.block.frozen and inputs == node.inputs
            name = str(node.block.name)
            if not is_shared and (name, group) not in blocks:
                blocks[name, group] = replace(node.block, name=f"{name} ({group})")
            copies[key] = node if is_shared else Node(blocks[name, group], inputs)  # type: ignore[arg-type]
        return copies[key]

    outputs = []
    for node in graph.outputs:
        group = groups[str(node.block.name)]
        outputs.append(Node(node.block, tuple(copied(parent, group) for parent in node.inputs)))
    new = Graph(graph.inputs, tuple(outputs))
    network = Network(new, specs, targets, frozen)
    state = network.state_dict()
    names = {(name, group): str(block.name) for (name, group), block in blocks.items()}  # type: ignore[attr-defined]
    for head, tensors in weights.items():
        group = groups[head]
        prefixes = {part_key(old): part_key(new) for (old, owner), new in names.items() if owner == group}
        for key, tensor in tensors.items():
            kind, _, rest = key.partition(".")
            if kind != "parts":
                continue
            part, _, inner = rest.partition(".")
            if part in {part_key(name) for name in weights} and part != part_key(head):
                continue  # another head's layer: its own tensors hold it
            target = f"parts.{prefixes.get(part, part)}.{inner}"
            if target in state and (group == "" or part in prefixes or part == part_key(head)):
                state[target] = tensor
    network.load_state_dict(state)
    return new, network


def _first_with(weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Tensor]) -> str:
    return next(head for head, other in weights.items() if other is state)
