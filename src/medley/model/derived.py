"""Rows of inputs that are derived from other inputs' rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from medley.core.block import Node
from medley.core.input import DerivedInput, InputBlock
from medley.core.row_reporting import WarningCollector, using_row_numbers
from medley.graph.graph import Graph


class InputRows(Mapping[str, Any]):
    """Rows by input name. Those of derived inputs are computed when they are first read, and kept.

    Iteration covers the passed rows only, so that counting or checking rows derives none.

    Args:
        passed: input name -> rows; None where a whole input is absent.
        nodes: of derived inputs, in a graph whose blocks have names.
        numbers: (B,) the caller's number of each row, for messages.
    """

    def __init__(
        self, passed: Mapping[str, Any], nodes: Sequence[Node] = (), numbers: np.ndarray | None = None
    ) -> None:
        self.passed = passed
        self.numbers = numbers
        self._nodes = {str(node.block.name): node for node in nodes}
        self._derived: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._nodes:
            return self.passed[name]
        if name not in self._derived:
            with using_row_numbers(self.numbers), WarningCollector(f"{name}: "):
                self._derived[name] = self._derive(self._nodes[name])
        return self._derived[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.passed)

    def __len__(self) -> int:
        return len(self.passed)

    def add(self, node: Node) -> bool:
        """Adds a derived input and the derived inputs that it reads; ignores other nodes.

        Args:
            node: of an input.

        Returns:
            Whether it replaces another declaration of this name, so that its rows differ.
        """
        if not isinstance(node.block, DerivedInput):
            return False
        for parent in node.inputs:
            self.add(parent)
        name = str(node.block.name)
        before = self._nodes.get(name)
        if before is not None and declaration(before) == declaration(node):
            return False
        self._nodes[name] = node
        self._derived.pop(name, None)
        return before is not None

    def _derive(self, node: Node) -> Any:
        columns = [self[str(parent.block.name)] for parent in node.inputs]
        if all(column is None for column in columns):
            return None
        inputs = [cast(InputBlock, parent.block) for parent in node.inputs]
        return cast(DerivedInput, node.block).derive(inputs, columns)


def declaration(node: Node) -> str:
    """Text that is equal for equal declarations of a derived input and of the inputs that it reads."""
    inner = ", ".join(map(declaration, node.inputs))
    return f"{node.block!r}({inner})"


def derived_nodes(graph: Graph) -> list[Node]:
    """The nodes of a resolved graph's derived inputs, each after those that it reads."""
    return [node for node in graph.nodes() if isinstance(node.block, DerivedInput)]
