"""Inputs: what comes into a graph, as it is, derived from other inputs, or encoded in another way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, cast

from medley.core.block import Block, Node, as_nodes
from medley.core.codec import Codec
from medley.core.kinds import Kind
from medley.errors import GraphError


class Input(Block):
    """What comes in: one value per row. A node by itself; other blocks are called on it."""

    kinds: ClassVar[tuple[Kind, ...]] = ()

    @property
    def node(self) -> Node:
        """The input as a node, the same one each time."""
        known = self.__dict__.get("_node")
        if known is None:
            known = Node(self)
            object.__setattr__(self, "_node", known)
        return known

    @abstractmethod
    def codec(self) -> Codec:
        """A fresh codec for this input's rows."""

    @abstractmethod
    def default_block(self) -> Block:
        """The encoder that the input gets where none was drawn."""

    def adapter(self) -> Block | None:
        """The block that makes plain numbers of the encoding, for blocks that read no other; None if it is plain."""
        return None


class DerivedInput(Input):
    """An input whose rows nobody gives: they are made of other inputs' rows, and then read like any input's.

    Calling it on inputs gives its node. Each call is an input of its own, so one declaration may be called on several.
    """

    exports: ClassVar[bool] = False  # what makes the rows may be a network of its own, or any function

    def __call__(self, *inputs: Any) -> Node:
        """Joins it to the inputs that its rows are made of.

        Raises:
            GraphError: something else than an input is among them, or none of a kind that it needs.
        """
        nodes = tuple(as_nodes(inputs))
        wrong = [node.block for node in nodes if not isinstance(node.block, Input)]
        if wrong or not nodes:
            got = ", ".join(map(repr, wrong)) or "nothing"
            raise GraphError(f"{type(self).__name__} makes rows of other inputs' rows, got {got}; call it on inputs.")
        joined = self.joined([cast(Input, node.block) for node in nodes])
        return Node(replace(joined) if joined is self else joined, nodes)

    @property
    def node(self) -> Node:
        """There is none before it is called.

        Raises:
            GraphError: always.
        """
        raise GraphError(f"{type(self).__name__} makes its rows of another input's: call it on that input first.")

    def joined(self, inputs: Sequence[Input]) -> Self:
        """The declaration as it is for these inputs: itself, or one that takes over settings of theirs.

        Raises:
            GraphError: it cannot make rows of these.
        """
        return self

    @abstractmethod
    def derive(self, inputs: Sequence[Input], columns: Sequence[Any]) -> Any:
        """The rows, as many as come in; all fields are set when they are asked for.

        Args:
            inputs: what it was called on.
            columns: their rows, as the caller gave them; None where a whole input is absent.

        Raises:
            DataError: nothing can be made of these rows.
        """


class Preprocessing(Block):
    """Another encoding of an input's rows, made once per data set: called on an Input, it takes the codec's place."""

    @abstractmethod
    def codec(self) -> Codec:
        """A fresh codec; all fields are set when it is asked for."""

    def adapter(self) -> Block | None:
        """As `Input.adapter`."""
        return None
