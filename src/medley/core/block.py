"""Blocks: frozen declarations of parts, and the nodes that calling them makes. Pure data, no weights."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, dataclass_transform

from medley.core import registry
from medley.core.space import OneOf, Space, space_of
from medley.core.spec import Spec
from medley.errors import ConfigError, ErrorCollector, GraphError, did_you_mean

_CALLED_ON = "Blocks are called on inputs and on results of other blocks"


@dataclass(frozen=True)
class DataSummary:
    """What a sensible default may depend on besides the specs.

    Args:
        rows: number of training rows.
        inputs: number of the graph's inputs.
    """

    rows: int
    inputs: int = 1


@dataclass(frozen=True, eq=False)
class Node:
    """The result of calling a block on nodes: a vertex of the graph. Compared by identity.

    Args:
        block: what computes it.
        inputs: what it is computed from; empty for an input.
    """

    block: Block
    inputs: tuple[Node, ...] = ()


# `searched` is no field specifier here: type checkers would then see a field without a default.
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
@dataclass(frozen=True, eq=False, repr=False)
class Block(ABC):
    """A declaration of one part. Unset fields are searched, set fields are fixed, a `Space` is a range of one's own.

    Subclasses become frozen dataclasses by themselves; `register="slice.part"` makes them known to saved models.

    Args:
        name: what the part is called in records, parameters and errors; made from the class where left out.
    """

    name: str | None = field(default=None, kw_only=True)

    exports: ClassVar[bool] = True
    """Whether `Model.export` can write the part as ONNX; medley's tests hold every part to what it says."""

    def __init_subclass__(cls, *, register: str | None = None) -> None:
        dataclass(frozen=True, eq=False, repr=False)(cls)
        if register is not None:
            registry.register(register)(cls)

    def __post_init__(self) -> None:
        errors = ErrorCollector()
        if self.name is not None and not (isinstance(self.name, str) and self.name):
            errors.add(f"{type(self).__name__}: name must be a word, got {self.name!r}.")
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, one.metadata.get("also", ())):
                continue
            if problem := _misfit(one.name, value, space_of(self, one.name)):
                errors.add(f"{type(self).__name__}: {problem}")
        for problem in self.check():
            errors.add(f"{type(self).__name__}: {problem}")
        errors.raise_if_any(ConfigError)

    def check(self) -> Iterable[str]:
        """Rules of a block's own: yields a sentence per mistake in its fields."""
        return ()

    @property
    def node(self) -> Node:
        """The block as a node without being called; only inputs are nodes by themselves.

        Raises:
            GraphError: the block has to be called on a node first.
        """
        raise GraphError(f"{_CALLED_ON}, got {self!r}. Call it on a node first.")

    def __call__(self, *inputs: Any) -> Node:
        """Joins the block to one or several nodes.

        Args:
            inputs: nodes or inputs, as arguments or in lists.

        Returns:
            The node that holds its result.
        """
        nodes = tuple(as_nodes(inputs))
        if not nodes:
            raise GraphError(
                f"{type(self).__name__} was called on nothing; call it on an input or on another block's node."
            )
        return Node(self, nodes)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """What suits the data at hand better than the fields' own ranges and defaults.

        Args:
            specs: what the block is joined to.
            summary: the data otherwise.

        Returns:
            Field name -> the value that trial 0 takes, or a `Space` that takes the place of the field's range (sizes
            that would be hopeless on small data, say, are left out of it). What a caller sets is never replaced.
        """
        return {}

    def __repr__(self) -> str:
        told = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(told)})"


def _misfit(name: str, value: Any, space: Space | None) -> str | None:
    if space is None or value is None or isinstance(value, Space | Block):
        return None
    if isinstance(space, OneOf):
        words = [choice for choice in space.choices if isinstance(choice, str)]
        if len(words) == len(space.choices) and value not in words:
            return f"{name} must be one of {', '.join(map(repr, words))}, got {value!r}.{did_you_mean(value, words)}"
        if words or any(isinstance(choice, Block) for choice in space.choices):
            return None
        if all(isinstance(choice, bool) for choice in space.choices):
            return None if isinstance(value, bool) else f"{name} must be True or False, got {value!r}."
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{name} must be a number, got {value!r}."
    return f"{name} must not be negative, got {value!r}." if value < 0 else None


def as_nodes(things: Any) -> list[Node]:
    """Flattens nodes, inputs and lists of them.

    Raises:
        GraphError: something else is among them.
    """
    if isinstance(things, Node):
        return [things]
    if isinstance(things, Block):
        return [things.node]
    if isinstance(things, list | tuple):
        return [node for thing in things for node in as_nodes(thing)]
    shape = getattr(things, "shape", None)  # an array's numbers would make the message unreadable
    got = repr(things) if shape is None else f"{type(things).__name__} of shape {tuple(shape)}"
    raise GraphError(f"{_CALLED_ON}, got {got}.")


def snake(cls: type) -> str:
    """`ImageInput` -> `image_input`: what unnamed parts are called after."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
