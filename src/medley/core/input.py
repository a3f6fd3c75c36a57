"""Inputs: what comes into a graph, as it is, derived from other inputs, or encoded in another way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

from medley.core.block import Block, Node, as_nodes
from medley.core.codec import Codec
from medley.core.column import ColumnGuess
from medley.core.linear import LinearFeatures
from medley.errors import GraphError


@dataclass(frozen=True)
class TableOptions:
    """What the table API knows of a table when it makes inputs for its columns.

    Args:
        names: names that an input must not have: those of the columns and targets, and of inputs made before.
        on_bad_file: what becomes of files that cannot be read: `"warn"`, `"raise"` or `"drop"`.
    """

    names: tuple[str, ...] = ()
    on_bad_file: str = "warn"

    def free_name(self, name: str) -> str:
        """A name that nothing else has.

        >>> TableOptions(("table",)).free_name("table")
        'table_'
        """
        while name in self.names:
            name += "_"
        return name


@dataclass(frozen=True)
class InputColumns:
    """An input of the table API, and the columns that feed it, in order."""

    input: Input
    columns: tuple[str, ...]


class Input(Block):
    """What comes in: one value per row. A node by itself; other blocks are called on it.

    In the table API, an input announces which columns it takes (`kinds`, `from_columns`), how their cells become its
    rows (`rows_from_columns`), and what a table's network reads of it. Nothing else names it.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    """The kinds of columns that it reads."""

    claim_rank: ClassVar[float | None] = None
    """In the table API, inputs are asked for columns in this order; None: never."""

    pretrained_modality: ClassVar[str | None] = None
    """What pretrained encoders that it may start from read, as `nn.backbone_config` calls it."""

    pretrained_models: ClassVar[tuple[str, ...]] = ()
    """Such encoders by their names on the hub, the best first."""

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

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """The inputs that feed on some of a table's columns.

        Args:
            columns: those of its kinds that no input before it has taken, in the order of the table.
            options: what else is known of the table.

        Returns:
            Inputs, each with its columns. By default one per column, named after it.
        """
        return [InputColumns(cls(name=column.name), (column.name,)) for column in columns]

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> Any:
        """Parsed columns as rows that the input's codec reads. Imports no torch.

        Args:
            cells: column -> its B cells, as its kind parses them, in the order of `InputColumns.columns`.
            columns: what each holds.

        Returns:
            B rows. By default the cells of the only column.
        """
        (values,) = cells.values()
        return values

    def encode_for_ensemble(self) -> Node | None:
        """What an ensemble of dense networks reads of the input in a table's network; by default its default block.

        Returns:
            The input itself where its encoding is numbers or a table; None where the ensemble reads it through the
            linear path alone.
        """
        return self.default_block()(self)

    @property
    def shares_encoder(self) -> bool:
        """Whether `encode_for_ensemble` has weights that are learned and that the members of an ensemble share.

        Then no member can leave out rows that the others learn from.
        """
        return True

    most_epochs: ClassVar[int | None] = None
    """Epochs that a table with this input is trained at most, where the caller says nothing."""

    is_worth_alone: ClassVar[bool] = False
    """Whether a linear model of this input alone is worth its time, as of a text."""

    def for_time(self, seconds_per_row: float) -> Self:
        """The input with an encoding that a default encoder can read in the time there is.

        Args:
            seconds_per_row: in each epoch of a training on this machine.
        """
        return self

    @property
    def choices(self) -> Mapping[str, Any]:
        """The fields that `for_time` has set, by which a call without a clock repeats its choice."""
        return {}

    def linear_features(self) -> LinearFeatures | None:
        """Fresh features of its rows for linear models (`LinearPath`); None where it has none."""
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
        """The block that makes plain numbers of the encoding, for blocks that read no other; None if it is plain."""
        return None
