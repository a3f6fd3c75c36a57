"""Blocks: frozen declarations of parts, and the nodes that calling them makes. Pure data, no weights."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self, dataclass_transform

from medley.core import registry
from medley.core.space import OneOf, Space, space_of
from medley.core.spec import Spec
from medley.errors import ConfigError, ErrorCollector, GraphError, did_you_mean

_CALLED_ON = "Blocks are called on inputs and on results of other blocks"


@dataclass(frozen=True)
class HeadSummary:
    """What is known of a head's target.

    Args:
        name: the head's.
        outputs: number of raw outputs K.
        link: what they mean, as `TargetCodec.linear_link`.
        prior: (K,) raw outputs of the best constant prediction.
    """

    name: str
    outputs: int
    link: str
    prior: tuple[float, ...]


@dataclass(frozen=True)
class DataSummary:
    """What defaults may depend on besides the specs.

    Args:
        rows: number of training rows.
        inputs: number of the graph's inputs.
        heads: of the graph, where their targets are known.
    """

    rows: int
    inputs: int = 1
    heads: tuple[HeadSummary, ...] = ()


@dataclass(frozen=True, eq=False)
class Node:
    """The result of calling a block on nodes: a vertex of the graph. Compared by identity.

    Args:
        block: what computes it.
        inputs: what it is computed from; empty for an input.
    """

    block: Block
    inputs: tuple[Node, ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self  # nothing in it changes, and it is compared by identity


# `searched` is no field specifier here: type checkers would then see a field without a default.
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
@dataclass(frozen=True, eq=False, repr=False)
class Block(ABC):
    """A declaration of one part. Unset fields are searched, set fields are fixed, a `Space` restricts the search.

    Subclasses become frozen dataclasses automatically; `register="slice.part"` makes them known to saved models.

    Args:
        name: name of the part in records, parameters and errors; derived from the class by default.
    """

    name: str | None = field(default=None, kw_only=True)

    exports: ClassVar[bool] = True
    """Whether `Model.export` can write the part as ONNX; the contract tests check it."""

    def __init_subclass__(cls, *, register: str | None = None) -> None:
        dataclass(frozen=True, eq=False, repr=False)(cls)
        if register is not None:
            registry.register(register)(cls)

    def __post_init__(self) -> None:
        errors = ErrorCollector()
        if self.name is not None and not (isinstance(self.name, str) and self.name):
            errors.add(f"{type(self).__name__}: name must be a word, got {self.name!r}.")
        for declared in fields(self):
            value = getattr(self, declared.name)
            if isinstance(value, declared.metadata.get("also", ())):
                continue
            if problem := _misfit(declared.name, value, space_of(self, declared.name)):
                errors.add(f"{type(self).__name__}: {problem}")
        for problem in self.check():
            errors.add(f"{type(self).__name__}: {problem}")
        errors.raise_if_any(ConfigError)

    def check(self) -> Iterable[str]:
        """Checks the block's fields; yields a sentence per error."""
        return ()

    @property
    def node(self) -> Node:
        """The block as a node without being called; only inputs are nodes by themselves.

        Raises:
            GraphError: the block has to be called on a node first.
        """
        raise GraphError(f"{_CALLED_ON}, got {self!r}. Call it on a node first.")

    def __call__(self, *inputs: Any) -> Node:
        """Connects the block to one or several nodes.

        Args:
            inputs: nodes or inputs, as arguments or in lists.

        Returns:
            The node of its result.
        """
        nodes = tuple(as_nodes(inputs))
        if not nodes:
            raise GraphError(
                f"{type(self).__name__} was called on nothing; call it on an input or on another block's node."
            )
        return Node(self, nodes)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Suggests defaults and ranges that suit this data better than the fields' own.

        Args:
            specs: of the values that the block reads.
            summary: number of rows and inputs.

        Returns:
            Field name -> the value that trial 0 takes, or a `Space` that replaces the field's range (without
            sizes that are useless on small data, for example). What a caller sets is never replaced.
        """
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it changes, and it is compared by identity

    def __repr__(self) -> str:
        settings = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(settings)})"


def _misfit(name: str, value: Any, space: Space | None) -> str | None:
    if space is None or value is None or isinstance(value, Space | Block):
        return None
    if isinstance(space, OneOf):
        names = [choice for choice in space.choices if isinstance(choice, str)]
        if len(names) == len(space.choices) and value not in names:
            return f"{name} must be one of {', '.join(map(repr, names))}, got {value!r}.{did_you_mean(value, names)}"
        if names or any(isinstance(choice, Block) for choice in space.choices):
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
    """`ImageInput` -> `image_input`: the base of unnamed parts' names."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
