"""Layers, fusions and composites: the blocks between inputs and heads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from medley.core.block import Block, DataSummary, Node
from medley.core.probe import probe
from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn


class Layer(Block):
    """A block that computes a result for each present row. Called on several nodes, it reads one tensor of each."""

    reads: ClassVar[str] = "plain"
    """The representation that the layer reads: `"plain"` numbers, `"table"` columns, `"tokens"`, `"members"` of an
    ensemble, or `"any"`. Other representations are converted by the adapter of their block."""

    @abstractmethod
    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module: tensors (B, *spec.shape) -> tensor (B, *out.shape). All fields are set at this point.

        Args:
            specs: of the nodes that the layer reads.
        """

    def out(self, *specs: Spec) -> Spec:
        """The spec of the result; unless overridden, inferred by building the module and running it on zeros.

        Args:
            specs: of the nodes that the layer reads.
        """
        return probe(lambda: self.build(*specs), specs, type(self).__name__)

    is_stage: ClassVar[bool] = False
    """Whether it ends a stage that is trained separately, before the layers that read it."""

    def adapter(self) -> Block | None:
        """The block that converts the result to plain numbers, for blocks that read only those; else None."""
        return None

    def resolved(self) -> Layer:
        """The layer in a resolved graph, with all fields set: the layer itself, unless its structure depends on files.

        A resolved graph is built again from its JSON alone, so a layer that depends on files reads them here.
        """
        return self

    @property
    def frozen(self) -> bool:
        """Whether the module is not trained and is deterministic per row, so that its results may be cached."""
        return False

    @property
    def ignores_padding(self) -> bool:
        """Whether a layer that reads token ids gives the same result if padding at the end of rows is cut off."""
        return False


class Wrapper(Layer):
    """A layer that runs other layers on rows that it creates, such as the items of a set.

    Args:
        encoder: any block that resolves to a chain of layers. In a resolved graph, the tuple of these layers in order,
            with names that begin with the name of the wrapper.
    """

    encoder: Block | tuple[Layer, ...] | None = None

    @abstractmethod
    def inner(self, *specs: Spec) -> Spec:
        """The spec that the first inner layer reads.

        Args:
            specs: of the nodes that the wrapper reads.
        """


class Fusion(Block):
    """A block that fuses M vectors, any of which may be absent in a row: an absent vector has no influence."""

    @abstractmethod
    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module: M tensors (B, D_m), present (B, M) bool or None if all are present -> (B, D).

        Args:
            specs: of the vectors.
        """

    @abstractmethod
    def out(self, *specs: Spec) -> Spec:
        """The spec of the fused vector.

        Args:
            specs: of the vectors.
        """


class Composite(Block):
    """A block that consists of other blocks, by which it is replaced when a graph is resolved."""

    @abstractmethod
    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Connects the blocks and returns the last node. All fields are set at this point.

        Args:
            nodes: the nodes that the composite was called on.
            specs: of these nodes.
            summary: the data summary.
        """
