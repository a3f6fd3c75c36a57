"""Blocks: frozen declarations of parts, and the nodes that calling them makes. Pure data, no weights."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, dataclass_transform

from medley.core import registry
from medley.core.codec import Codec, TargetCodec
from medley.core.kinds import Kind
from medley.core.probe import probe
from medley.core.space import OneOf, Space, space_of
from medley.core.spec import Spec
from medley.errors import ConfigError, ErrorCollector, GraphError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from medley.core.metric import Metric


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
    """The result of calling a block on nodes: an edge of the graph. Compared by identity.

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
    if isinstance(things, Input):
        return [things.node]
    if isinstance(things, list | tuple):
        return [node for thing in things for node in as_nodes(thing)]
    way = " Call it on a node first." if isinstance(things, Block) else ""
    shape = getattr(things, "shape", None)  # of an array: its numbers would tell nobody anything
    got = repr(things) if shape is None else f"{type(things).__name__} of shape {tuple(shape)}"
    raise GraphError(f"Blocks are called on inputs and on results of other blocks, got {got}.{way}")


def snake(cls: type) -> str:
    """`ImageInput` -> `image_input`: what unnamed parts are called after."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


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


class Layer(Block):
    """A part that computes: present rows in, as many rows out. Called on several nodes, it gets as many tensors."""

    reads: ClassVar[str] = "plain"
    """`"plain"` numbers, `"table"` columns, `"tokens"` or `"members"` of an ensemble: what the first input must be;
    others are adapted first."""

    @abstractmethod
    def build(self, *specs: Spec) -> nn.Module:
        """The module: tensors (B, *spec.shape) -> tensor (B, *out.shape). All fields are set when it is asked for."""

    def out(self, *specs: Spec) -> Spec:
        """The spec of the result; found by building and running without data where a block does not say it."""
        return probe(lambda: self.build(*specs), specs, type(self).__name__)

    def adapter(self) -> Block | None:
        """As `Input.adapter`, for layers whose result other layers cannot read."""
        return None

    def resolved(self) -> Layer:
        """The layer that stands in a resolved graph, once all fields are set: itself, unless that depends on files.

        A resolved graph is built again from its JSON alone, so whatever lies in files is looked up here.
        """
        return self

    @property
    def frozen(self) -> bool:
        """Whether its module never learns and gives the same for the same row, so that results may be kept."""
        return False

    @property
    def ignores_padding(self) -> bool:
        """Of a layer that reads codes: whether it makes the same of rows whose padding at the end is cut off."""
        return False


class Wrapper(Layer):
    """A layer that runs others inside it, on rows of its own making: on each member of a set, say.

    Args:
        encoder: what is inside: any block that becomes a chain of layers. It is resolved under the wrapper's name, like
            all parts, and then is the tuple of these layers in order.
    """

    encoder: Block | tuple[Layer, ...] | None = None

    @abstractmethod
    def inner(self, *specs: Spec) -> Spec:
        """The spec of what the first layer inside reads, given what the wrapper reads."""


class Fusion(Block):
    """A part that joins M vectors, of which any may be absent in any row: an absent one weighs exactly nothing."""

    @abstractmethod
    def build(self, *specs: Spec) -> nn.Module:
        """The module: (list of M tensors (B, D_m), present (B, M) bool or None where all are) -> (B, D)."""

    @abstractmethod
    def out(self, *specs: Spec) -> Spec:
        """The spec of the fused vector."""


class Composite(Block):
    """A part made of other parts: it chooses and joins them, and vanishes from the resolved graph."""

    @abstractmethod
    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins blocks to `nodes` and returns the last. All fields are set when it is asked for."""


class Head(Block):
    """What goes out: the last part, its target codec, its loss per row and its metrics."""

    reads: ClassVar[str] = "plain"
    """As `Layer.reads`."""

    @abstractmethod
    def codec(self) -> TargetCodec:
        """A fresh codec for this head's targets."""

    @abstractmethod
    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """The module: (B, *spec.shape) -> raw (B, K); in training, from members of an ensemble, raw (B, E, K)."""

    @abstractmethod
    def loss_function(self, target: TargetCodec) -> Any:
        """The loss as a function: raw (B, K), encoded target (B, ...) -> loss per row (B,)."""

    @abstractmethod
    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        """The metrics by name, in the order they are told."""

    @property
    @abstractmethod
    def weight(self) -> float:
        """The head's own factor on its loss."""
