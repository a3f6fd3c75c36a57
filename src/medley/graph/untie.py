"""Separates heads that share parts, so that each head can have the weights that are best for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count

from torch import Tensor

from medley.core.block import Block, Node
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
    copies = _Copies(str(node.block.name) for node in graph.nodes())
    outputs = []
    for node in graph.outputs:
        group = groups[str(node.block.name)]
        outputs.append(Node(node.block, tuple(copies.node(parent, group) for parent in node.inputs)))
    new_graph = Graph(graph.inputs, tuple(outputs))
    network = Network(new_graph, specs, targets, frozen)
    state = network.state_dict()
    heads = {part_key(head) for head in weights}
    for head, tensors in weights.items():
        parts = copies.parts(groups[head])
        for key, tensor in tensors.items():
            root, _, path = key.partition(".")
            part, _, parameter = path.partition(".")
            is_own = part in parts or part == part_key(head) or (not groups[head] and part not in heads)
            new_key = f"{root}.{parts.get(part, part)}.{parameter}"
            if root == "parts" and is_own and new_key in state:
                state[new_key] = tensor
    network.load_state_dict(state)
    return new_graph, network


class _Copies:
    """Copies of nodes for groups of heads, each named after its first head; those of the group "" are the originals.

    Args:
        names: of the graph's parts. A first stage may contain copies for the same head already.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._nodes: dict[tuple[int, str], Node] = {}
        self._blocks: dict[tuple[str, str], Block] = {}

    def node(self, node: Node, group: str) -> Node:
        """The copy of a node and of all that it reads; inputs, earlier stages and frozen parts are shared."""
        if isinstance(node.block, InputBlock | Preprocessing) or not group or getattr(node.block, "is_stage", False):
            return node
        key = (id(node), group)
        if key not in self._nodes:
            inputs = tuple(self.node(parent, group) for parent in node.inputs)
            is_shared = isinstance(node.block, Layer) and node.block.frozen and inputs == node.inputs
            self._nodes[key] = node if is_shared else Node(self._block(node.block, group), inputs)
        return self._nodes[key]

    def parts(self, group: str) -> dict[str, str]:
        """Key of a part -> key of its copy, for the parts that were copied for a group."""
        blocks = [(name, block) for (name, owner), block in self._blocks.items() if owner == group]
        return {part_key(name): part_key(str(block.name)) for name, block in blocks}

    def _block(self, block: Block, group: str) -> Block:
        name = str(block.name)
        if (name, group) not in self._blocks:  # one block may stand in several nodes
            self._blocks[name, group] = replace(block, name=self._unused(f"{name} ({group}"))  # type: ignore[type-var]
        return self._blocks[name, group]

    def _unused(self, start: str) -> str:
        number = next(number for number in count(1) if self._numbered(start, number) not in self._names)
        name = self._numbered(start, number)
        self._names.add(name)
        return name

    @staticmethod
    def _numbered(start: str, number: int) -> str:
        return f"{start})" if number == 1 else f"{start}, {number})"


def _first_head_with(weights: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Tensor]) -> str:
    return next(head for head, other in weights.items() if other is state)
