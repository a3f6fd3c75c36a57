"""Inputs of a graph, inputs derived from other inputs, and preprocessings (other encodings of an input)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

from medley.core.block import Block, DataSummary, Node, as_nodes
from medley.core.codec import Codec
from medley.core.column import ColumnGuess
from medley.core.linear import LinearFeatures
from medley.errors import GraphError


@dataclass(frozen=True)
class TableOptions:
    """Options of the table API for the inputs that it creates.

    Args:
        names: names that an input must not have: those of columns, targets and other inputs.
        on_bad_file: policy for files that cannot be read: `"warn"`, `"raise"` or `"drop"`.
    """

    names: tuple[str, ...] = ()
    on_bad_file: str = "warn"

    def free_name(self, name: str) -> str:
        """A name that is not used yet.

        Args:
            name: preferred name.

        >>> TableOptions(("table",)).free_name("table")
        'table_'
        """
        while name in self.names:
            name += "_"
        return name


@dataclass(frozen=True)
class InputColumns:
    """An input of the table API, and the columns that it reads, in order."""

    input: InputBlock
    columns: tuple[str, ...]


class InputBlock(Block):
    """An input of a graph: one value per row. Other blocks are called on it.

    In the table API, an input announces which columns it reads (`kinds`, `from_columns`), how their cells are converted
    to its rows (`rows_from_columns`), and its part in the network of a table.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    """The kinds of columns that it reads."""

    claim_rank: ClassVar[float | None] = None
    """Order in which inputs choose columns in the table API, the lowest first; None if it is not used there."""

    pretrained_modality: ClassVar[str | None] = None
    """Modality of the pretrained encoders that suit it, as in `nn.backbone_config`."""

    pretrained_models: ClassVar[tuple[str, ...]] = ()
    """Names of suitable pretrained encoders on the hub, the best first."""

    @property
    def node(self) -> Node:
        """The node of the input, always the same object."""
        node = self.__dict__.get("_node")
        if node is None:
            node = Node(self)
            object.__setattr__(self, "_node", node)
        return node

    @abstractmethod
    def codec(self) -> Codec:
        """Returns a new codec for this input's rows."""

    @abstractmethod
    def default_block(self) -> Block:
        """Returns the encoder that is used if the graph does not define one."""

    def adapter(self) -> Block | None:
        """The block that converts the encoding to plain numbers, for blocks that read only those; else None."""
        return None

    @classmethod
    def from_columns(cls, columns: Sequence[ColumnGuess], options: TableOptions) -> Sequence[InputColumns]:
        """Creates inputs for columns of a table.

        Args:
            columns: columns of its kinds that are not read by an input of lower rank, in the order of the table.
            options: reserved names, and the policy for unreadable files.

        Returns:
            Inputs, each with its columns. By default one per column, named after it.
        """
        return [InputColumns(cls(name=column.name), (column.name,)) for column in columns]

    @classmethod
    def rows_from_columns(cls, cells: Mapping[str, Any], columns: Mapping[str, ColumnGuess]) -> Any:
        """Converts parsed columns to rows for the input's codec. Must not import torch.

        Args:
            cells: column -> its B cells, as parsed by its kind, in the order of `InputColumns.columns`.
            columns: column -> its kind and notation.

        Returns:
            B rows. By default the cells of the only column.
        """
        (values,) = cells.values()
        return values

    def encode_for_ensemble(self, summary: DataSummary) -> Node | None:
        """The node that an ensemble of dense networks reads in the table API; by default that of the default block.

        Args:
            summary: of the table, before its rows are split.

        Returns:
            The input itself if its encoding is numbers or a table; None if the ensemble reads it through the linear
            path only.
        """
        return self.default_block()(self)

    def shares_encoder(self, summary: DataSummary) -> bool:
        """Whether `encode_for_ensemble` has trained weights that are shared by the members of an ensemble.

        If so, no member can leave out rows that the others learn from.

        Args:
            summary: as of `encode_for_ensemble`.
        """
        return True

    max_epochs: ClassVar[int | None] = None
    """Maximum number of epochs for a table with this input, unless the caller sets the number."""

    fits_alone: ClassVar[bool] = False
    """Whether a linear model of this input alone is worth its time, as for texts."""

    def for_time(self, seconds_per_row: float) -> Self:
        """The input with an encoding that a default encoder can process in the time available.

        Args:
            seconds_per_row: time per row in each epoch on this machine.
        """
        return self

    @property
    def samples_per_row(self) -> int:
        """Number of samples of a row that a pretrained encoder runs over, at most."""
        return 1

    @property
    def choices(self) -> Mapping[str, Any]:
        """The fields that the time limit may have set; they repeat its choices without a time limit."""
        is_from_scratch = self.pretrained_modality is not None and not getattr(self, "pretrained", None)
        return {"pretrained": None} if is_from_scratch else {}

    def linear_features(self) -> LinearFeatures | None:
        """Returns new features of its rows for linear models (`LinearPath`); None if it has none."""
        return None


class DerivedInput(InputBlock):
    """An input whose rows are computed from the rows of other inputs.

    Calling it on inputs returns its node. Each call creates a separate input, so a declaration may be called several
    times.
    """

    exports: ClassVar[bool] = False  # its rows may be computed by a network, or by any function

    def __call__(self, *inputs: Any) -> Node:
        """Connects it to the inputs from whose rows its rows are computed.

        Raises:
            GraphError: it was called on something other than inputs, or on inputs of the wrong type.
        """
        nodes = tuple(as_nodes(inputs))
        other_blocks = [node.block for node in nodes if not isinstance(node.block, InputBlock)]
        if other_blocks or not nodes:
            received = ", ".join(map(repr, other_blocks)) or "nothing"
            raise GraphError(f"{type(self).__name__} derives its rows from inputs, got {received}; call it on inputs.")
        for_inputs = self.for_inputs([cast(InputBlock, node.block) for node in nodes])
        return Node(replace(for_inputs) if for_inputs is self else for_inputs, nodes)

    @property
    def node(self) -> Node:
        """Not available: a derived input has a node only once it is called.

        Raises:
            GraphError: always.
        """
        raise GraphError(f"{type(self).__name__} derives its rows from other inputs: call it on an input first.")

    def for_inputs(self, inputs: Sequence[InputBlock]) -> Self:
        """The declaration for these inputs: itself, or a copy that takes over settings of the inputs.

        Args:
            inputs: the inputs that it is called on.

        Raises:
            GraphError: it cannot derive rows from these inputs.
        """
        return self

    @abstractmethod
    def derive(self, inputs: Sequence[InputBlock], columns: Sequence[Any]) -> Any:
        """Computes the rows. All fields are set at this point.

        Args:
            inputs: the inputs that it was called on.
            columns: their B rows, as passed by the caller; None for an input that is absent in all rows.

        Returns:
            B rows.

        Raises:
            DataError: rows cannot be derived from these rows.
        """


class Preprocessing(Block):
    """Another encoding of an input's rows, computed once per data set. Called on an input, it replaces its codec."""

    @abstractmethod
    def codec(self) -> Codec:
        """Returns a new codec. All fields are set at this point."""

    def adapter(self) -> Block | None:
        """The block that converts the encoding to plain numbers, for blocks that read only those; else None."""
        return None
