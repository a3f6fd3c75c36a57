"""Blocks: declarations of the parts of a network, and nodes, the results of calling them. Pure data, no weights."""

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
    """Summary of a head's target.

    Args:
        name: of the head.
        outputs: number of raw outputs K.
        link: meaning of the raw outputs, as `TargetCodec.linear_link`.
        prior: (K,) raw outputs of the constant baseline.
    """

    name: str
    outputs: int
    link: str
    prior: tuple[float, ...]


@dataclass(frozen=True)
class DataSummary:
    """Summary of the data, on which defaults may depend.

    Args:
        rows: number of training rows.
        inputs: number of inputs of the graph.
        heads: summaries of the heads' targets; empty before targets are fitted.
    """

    rows: int
    inputs: int = 1
    heads: tuple[HeadSummary, ...] = ()


@dataclass(frozen=True, eq=False)
class Node:
    """The result of calling a block on nodes: a vertex of the graph. Compared by identity.

    Args:
        block: the block that was called.
        inputs: the nodes that it was called on; empty for an input.
    """

    block: Block
    inputs: tuple[Node, ...] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        return self  # nothing in it changes, and it is compared by identity


# `searched` is not a field specifier here: type checkers would then see a field without a default.
@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(field,))
@dataclass(frozen=True, eq=False, repr=False)
class Block(ABC):
    """The declaration of one part of a network.

    Fields that are set are fixed; unset fields are searched; a field set to a `Space` is searched over that range.
    Subclasses become frozen dataclasses automatically. `register="package.part"` gives a subclass the name under which
    saved models refer to it.

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
            errors.add(f"{type(self).__name__}: name must be a non-empty string, got {self.name!r}.")
        problems = list(self.check())
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, setting.metadata.get("other_types", ())):
                continue
            problem = _find_problem(setting.name, value, space_of(self, setting.name))
            # A message of `check` about the same field is more specific.
            if problem and not any(message.startswith(f"{setting.name} ") for message in problems):
                errors.add(f"{type(self).__name__}: {problem}")
        for problem in problems:
            errors.add(f"{type(self).__name__}: {problem}")
        errors.raise_if_any(ConfigError)

    def check(self) -> Iterable[str]:
        """Checks the block's fields; yields a sentence per error."""
        return ()

    @property
    def node(self) -> Node:
        """The node of a block that has not been called; only inputs have one.

        Raises:
            GraphError: the block must be called on a node first.
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
                f"{type(self).__name__} was called without arguments; call it on an input or on another block's node."
            )
        return Node(self, nodes)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Suggests defaults and ranges that suit this data better than those of the fields.

        Args:
            specs: of the nodes that the block reads.
            summary: number of rows, inputs and outputs.

        Returns:
            Field name -> the value that trial 0 takes, or a `Space` that replaces the range of the field (without
            sizes that are useless on small data, for example). Values set by a caller are never replaced.
        """
        return {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it changes, and it is compared by identity

    def __repr__(self) -> str:
        settings = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{type(self).__name__}({', '.join(settings)})"


def _find_problem(name: str, value: Any, space: Space | None) -> str | None:
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


def as_nodes(value: Any) -> list[Node]:
    """Flattens nodes, inputs and lists of them.

    Args:
        value: a node, an input, or a list of these, in any depth.

    Raises:
        GraphError: it contains something else.
    """
    if isinstance(value, Node):
        return [value]
    if isinstance(value, Block):
        return [value.node]
    if isinstance(value, list | tuple):
        return [node for item in value for node in as_nodes(item)]
    shape = getattr(value, "shape", None)  # the numbers of an array would make the message too long
    received = repr(value) if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
    raise GraphError(f"{_CALLED_ON}, got {received}.")


def to_snake_case(cls: type) -> str:
    """The name of a class in snake case, `image_input` for `ImageInput`: the default name of a part."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
