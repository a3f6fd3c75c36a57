"""Graphs: inputs, heads and the blocks between them, as pure data that is saved as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from medley.core.block import Block, Node, as_nodes, to_snake_case
from medley.core.config import to_json
from medley.core.head import Head
from medley.core.input import DerivedInput, InputBlock
from medley.core.registry import operation
from medley.core.space import OneOf
from medley.errors import ErrorCollector, GraphError


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph of blocks, each with a name.

    Args:
        inputs: in the caller's order.
        outputs: nodes of heads, in the caller's order.
        names: `id(block)` -> name, set by the caller or generated: `image_input_1`, `classification_head_1`, ...

    Raises:
        GraphError: an output is not a head, an input is not connected or not listed, or two parts have the same name.
    """

    inputs: tuple[InputBlock, ...]
    outputs: tuple[Node, ...]
    names: Mapping[int, str] = field(init=False)

    def __post_init__(self) -> None:
        errors = ErrorCollector()
        for node in self.outputs:
            if not isinstance(node.block, Head):
                errors.add(f"outputs must be heads, got {node.block!r}; call a head on it.")
        for node in self.nodes():
            for parent in node.inputs:
                if isinstance(parent.block, Head):
                    errors.add(f"{node.block!r} reads the head {parent.block!r}; heads must be outputs only.")
        calls = Counter(id(node.block) for node in self.outputs)
        for block in {id(node.block): node.block for node in self.outputs if calls[id(node.block)] > 1}.values():
            errors.add(f"{block!r} is called on {calls[id(block)]} nodes; declare one head for each.")
        reached = {id(node.block): node.block for node in self.nodes() if _is_passed(node.block)}
        listed = {id(block): block for block in self.inputs}
        for key, block in reached.items():
            if key not in listed:
                errors.add(f"Inputs and outputs not connected. {block!r} is read but not among the inputs.")
        for key, block in listed.items():
            if key not in reached:
                errors.add(f"Inputs and outputs not connected. No output reads {block!r}.")
        errors.raise_if_any(GraphError)
        object.__setattr__(self, "names", self._make_names())

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph, (self.inputs, self.outputs)  # names are kept by identity, which differs between processes

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return self  # nothing in it changes, and its parts are compared by identity

    def nodes(self) -> list[Node]:
        """All nodes, each after those that it reads."""
        return self.walk(self.outputs)

    @staticmethod
    def walk(outputs: Sequence[Node]) -> list[Node]:
        """All nodes on which `outputs` depend, each after those that it reads.

        Raises:
            GraphError: the network has a cycle.
        """
        order: list[Node] = []
        state: dict[int, int] = {}
        stack: list[tuple[Node, bool]] = [(node, False) for node in reversed(outputs)]
        while stack:
            node, entered = stack.pop()
            if entered:
                state[id(node)] = 2
                order.append(node)
            elif id(node) not in state:
                state[id(node)] = 1
                stack.append((node, True))
                for parent in reversed(node.inputs):
                    if state.get(id(parent)) == 1:
                        raise GraphError("The network has a cycle.")
                    stack.append((parent, False))
        return order

    def _make_names(self) -> dict[int, str]:
        blocks: dict[int, Block] = {id(block): block for block in self.inputs}
        heads = {id(node.block): node.block for node in self.outputs}
        blocks.update({id(node.block): node.block for node in self.nodes() if id(node.block) not in heads})
        blocks.update(heads)
        used_names = Counter(block.name for block in blocks.values() if block.name)
        repeated = [name for name, count in used_names.items() if count > 1]
        if repeated:
            raise GraphError(f"Two parts are named {', '.join(map(repr, repeated))}; names must differ.")
        names, counts = {}, Counter[str]()
        for key, block in blocks.items():
            name = block.name
            while name is None or (block.name is None and name in used_names):
                counts[to_snake_case(type(block))] += 1
                name = f"{to_snake_case(type(block))}_{counts[to_snake_case(type(block))]}"
            names[key] = name
        return names

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, in order."""
        return [self.names[id(block)] for block in self.inputs]

    @property
    def heads(self) -> dict[str, Head]:
        """The heads by name, in order."""
        return {self.names[id(node.block)]: node.block for node in self.outputs if isinstance(node.block, Head)}

    def _repr_html_(self) -> str:
        return operation("report.notebook")(self)

    def declarations(self) -> list[str]:
        """A line per node: its name, its block, and the names of the nodes that it reads."""
        return [
            f"{self.names[id(node.block)]}={node.block!r}({[self.names[id(parent.block)] for parent in node.inputs]})"
            for node in self.nodes()
        ]

    def to_json(self) -> dict[str, Any]:
        """The graph as JSON.

        Raises:
            ArtifactError: a block or a value in it has no registered name.
        """
        order = self.nodes()
        indices = {id(node): index for index, node in enumerate(order)}
        nodes = []
        for node in order:
            block = replace(node.block, name=self.names[id(node.block)])
            nodes.append({"inputs": [indices[id(parent)] for parent in node.inputs], **to_json(block)})
        return {
            "nodes": nodes,
            "inputs": [indices[id(block.node)] for block in self.inputs],
            "outputs": [indices[id(node)] for node in self.outputs],
        }


def _is_passed(block: Any) -> TypeGuard[InputBlock]:
    """Whether a block is an input whose rows are passed by the caller."""
    return isinstance(block, InputBlock) and not isinstance(block, DerivedInput)


def build_graph(inputs: Any, outputs: Any) -> Graph:
    """Builds a graph from inputs and heads, connected by the caller or not.

    If a head is not connected, the default graph is built: each input with its default encoder; if there are several
    inputs, a `Merge` and a dense block, so that predictions can depend on combinations of inputs; then the heads.

    Args:
        inputs: an input or a list of them.
        outputs: a head, the node of a head, or a list of these.

    Raises:
        GraphError: invalid values among inputs or outputs, or inputs and outputs are not connected.
    """
    listed = _flatten(inputs)
    invalid = [item for item in listed if not _is_passed(item)]
    if invalid or not listed:
        raise GraphError(f"inputs must be Inputs such as ImageInput(), got {invalid or inputs!r}.")
    heads = _flatten(outputs)
    if not heads:
        raise GraphError("outputs must hold at least one head, got none.")
    trunk = _default_trunk(listed) if any(isinstance(item, Head) for item in heads) else None
    return Graph(tuple(listed), tuple(item(trunk) if isinstance(item, Head) else as_nodes(item)[0] for item in heads))


def _flatten(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [item for element in value for item in _flatten(element)]
    return [value]


def _default_trunk(inputs: Sequence[InputBlock]) -> Node:
    from medley.core.registry import lookup

    encoded = [item.default_block()(item) for item in inputs]
    if len(encoded) == 1:
        return encoded[0]
    # Heads are linear: without a hidden layer, no prediction could depend on a combination of inputs.
    hidden = lookup("tabular.dense")(num_layers=OneOf(1, 2), num_units=OneOf(64, 128, 256, default=128))
    return hidden(lookup("fusion.merge")()(encoded))
