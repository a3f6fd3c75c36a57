"""Rows of inputs that are made of other inputs' rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from medley.core.block import Node
from medley.core.input import DerivedInput, Input
from medley.core.numbering import gathered, numbered
from medley.graph.graph import Graph


class Columns(Mapping[str, Any]):
    """Inputs' rows by name. Those of derived inputs are made when they are first asked for, and kept.

    It iterates over what was given only, so that counting or checking the rows makes none.

    Args:
        given: input name -> rows; None where a whole input is absent.
        nodes: of derived inputs, in a graph whose blocks have names.
        numbers: (B,) the caller's number of each row, by which messages name it.
    """

    def __init__(self, given: Mapping[str, Any], nodes: Sequence[Node] = (), numbers: np.ndarray | None = None) -> None:
        self.given = given
        self.numbers = numbers
        self._nodes = {str(node.block.name): node for node in nodes}
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._nodes:
            return self.given[name]
        if name not in self._made:
            with numbered(self.numbers), gathered(f"{name}: "):
                self._made[name] = self._derived(self._nodes[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)

    def add(self, node: Node) -> bool:
        """Knows one more derived input and those that it is made of; passes over inputs that were given.

        Returns:
            Whether another declaration was known by that name, whose rows were other ones.
        """
        if not isinstance(node.block, DerivedInput):
            return False
        for one in node.inputs:
            self.add(one)
        name = str(node.block.name)
        before = self._nodes.get(name)
        if before is not None and declared(before) == declared(node):
            return False
        self._nodes[name] = node
        self._made.pop(name, None)
        return before is not None

    def _derived(self, node: Node) -> Any:
        columns = [self[str(one.block.name)] for one in node.inputs]
        if all(column is None for column in columns):
            return None
        inputs = [cast(Input, one.block) for one in node.inputs]
        return cast(DerivedInput, node.block).derive(inputs, columns)


def declared(node: Node) -> str:
    """What tells a derived input from another, the inputs that it is made of included."""
    inner = ", ".join(map(declared, node.inputs))
    return f"{node.block!r}({inner})"


def derived_nodes(graph: Graph) -> list[Node]:
    """The nodes of a resolved graph's derived inputs, each after those that it is made of."""
    return [node for node in graph.nodes() if isinstance(node.block, DerivedInput)]
