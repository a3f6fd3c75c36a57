"""A graph: inputs, heads and what lies between, as pure data that is saved as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from medley.core.block import Block, Node, as_nodes, snake
from medley.core.config import to_json
from medley.core.head import Head
from medley.core.input import DerivedInput, Input
from medley.core.space import OneOf
from medley.errors import ErrorCollector, GraphError


@dataclass(frozen=True, eq=False)
class Graph:
    """Inputs and heads that are joined, every block with a name.

    Args:
        inputs: in the caller's order.
        outputs: the heads' nodes, in the caller's order.
        names: `id(block)` -> name, given or made: `image_input_1`, `classification_head_1`, ...

    Raises:
        GraphError: an output is no head, an input is not reached or not listed, two parts share a name.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Node, ...]
    names: Mapping[int, str] = field(init=False)

    def __post_init__(self) -> None:
        errors = ErrorCollector()
        for node in self.outputs:
            if not isinstance(node.block, Head):
                errors.add(f"outputs must be heads, got {node.block!r}; call a head on it.")
        for node in self.nodes():
            for one in node.inputs:
                if isinstance(one.block, Head):
                    errors.add(f"{node.block!r} reads {one.block!r}, but a head goes out; read what the head reads.")
        calls = Counter(id(node.block) for node in self.outputs)
        for block in {id(node.block): node.block for node in self.outputs if calls[id(node.block)] > 1}.values():
            errors.add(f"{block!r} is called on {calls[id(block)]} nodes; declare one head for each.")
        reached = {id(node.block): node.block for node in self.nodes() if _is_given(node.block)}
        listed = {id(one): one for one in self.inputs}
        for key, block in reached.items():
            if key not in listed:
                errors.add(f"Inputs and outputs not connected. {block!r} is read but not among the inputs.")
        for key, block in listed.items():
            if key not in reached:
                errors.add(f"Inputs and outputs not connected. No output reads {block!r}.")
        errors.raise_if_any(GraphError)
        object.__setattr__(self, "names", self._name())

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph, (self.inputs, self.outputs)  # names are kept by identity, which differs between processes

    def __deepcopy__(self, memo: dict[int, Any]) -> Graph:
        return self  # nothing in it changes, and its parts are compared by identity

    def nodes(self) -> list[Node]:
        """Every node once, inputs before what reads them."""
        return self.walk(self.outputs)

    @staticmethod
    def walk(outputs: Sequence[Node]) -> list[Node]:
        """Every node that `outputs` depend on, once, inputs before what reads them.

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
                for one in reversed(node.inputs):
                    if state.get(id(one)) == 1:
                        raise GraphError("The network has a cycle.")
                    stack.append((one, False))
        return order

    def _name(self) -> dict[int, str]:
        blocks: dict[int, Block] = {id(one): one for one in self.inputs}
        heads = {id(node.block): node.block for node in self.outputs}
        blocks.update({id(node.block): node.block for node in self.nodes() if id(node.block) not in heads})
        blocks.update(heads)
        taken = Counter(block.name for block in blocks.values() if block.name)
        twice = [name for name, count in taken.items() if count > 1]
        if twice:
            raise GraphError(f"Two parts are named {', '.join(map(repr, twice))}; names must differ.")
        names, counts = {}, Counter[str]()
        for key, block in blocks.items():
            name = block.name
            while name is None or (block.name is None and name in taken):
                counts[snake(type(block))] += 1
                name = f"{snake(type(block))}_{counts[snake(type(block))]}"
            names[key] = name
        return names

    @property
    def input_names(self) -> list[str]:
        """The inputs' names in order."""
        return [self.names[id(one)] for one in self.inputs]

    @property
    def heads(self) -> dict[str, Head]:
        """The heads by name, in order."""
        return {self.names[id(node.block)]: node.block for node in self.outputs if isinstance(node.block, Head)}

    def declarations(self) -> list[str]:
        """A line per node: its name, its block, and the names of what it reads."""
        return [
            f"{self.names[id(node.block)]}={node.block!r}({[self.names[id(one.block)] for one in node.inputs]})"
            for node in self.nodes()
        ]

    def to_json(self) -> dict[str, Any]:
        """The graph as JSON.

        Raises:
            ArtifactError: a block or a value in it has no registered name.
        """
        order = self.nodes()
        places = {id(node): place for place, node in enumerate(order)}
        told = []
        for node in order:
            block = replace(node.block, name=self.names[id(node.block)])
            told.append({"inputs": [places[id(one)] for one in node.inputs], **to_json(block)})
        return {
            "nodes": told,
            "inputs": [places[id(one.node)] for one in self.inputs],
            "outputs": [places[id(node)] for node in self.outputs],
        }


def _is_given(block: Any) -> TypeGuard[Input]:
    """Whether it is an input whose rows the caller gives."""
    return isinstance(block, Input) and not isinstance(block, DerivedInput)


def draw(inputs: Any, outputs: Any) -> Graph:
    """A graph from what a caller hands over: inputs, and heads either bare or already joined.

    Bare heads get the default: each input its own encoder; where there are several, one `Merge` and a dense block, so
    that targets may depend on inputs together; every head on that.

    Args:
        inputs: an Input or a list of them.
        outputs: a head, a head's node, or a list of either.

    Raises:
        GraphError: something else is among them, or they are not connected.
    """
    listed = _flat(inputs)
    wrong = [one for one in listed if not _is_given(one)]
    if wrong or not listed:
        raise GraphError(f"inputs must be Inputs such as ImageInput(), got {wrong or inputs!r}.")
    heads = _flat(outputs)
    if not heads:
        raise GraphError("outputs must hold at least one head, got none.")
    trunk = _default_trunk(listed) if any(isinstance(one, Head) for one in heads) else None
    return Graph(tuple(listed), tuple(one(trunk) if isinstance(one, Head) else as_nodes(one)[0] for one in heads))


def _flat(things: Any) -> list[Any]:
    if isinstance(things, list | tuple):
        return [one for thing in things for one in _flat(thing)]
    return [things]


def _default_trunk(inputs: Sequence[Input]) -> Node:
    from medley.core.registry import lookup

    encoded = [one.default_block()(one) for one in inputs]
    if len(encoded) == 1:
        return encoded[0]
    # Heads are linear: without a hidden layer no answer could depend on two inputs together (a question on an image).
    hidden = lookup("tabular.dense")(num_layers=OneOf(1, 2), num_units=OneOf(64, 128, 256, default=128))
    return hidden(lookup("fusion.merge")()(encoded))
