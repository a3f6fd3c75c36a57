"""Layers: the parts between inputs and heads, which compute, fuse, or are made of other parts."""

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
    """A part that computes one row from each present row. Called on several nodes, it reads one tensor of each."""

    reads: ClassVar[str] = "plain"
    """`"plain"` numbers, `"table"` columns, `"tokens"` or `"members"` of an ensemble: what the first input must be;
    others are adapted first."""

    @abstractmethod
    def build(self, *specs: Spec) -> nn.Module:
        """The module: tensors (B, *spec.shape) -> tensor (B, *out.shape). All fields are set when it is asked for."""

    def out(self, *specs: Spec) -> Spec:
        """The spec of the result; inferred by building the module and running it on meta tensors, unless overridden."""
        return probe(lambda: self.build(*specs), specs, type(self).__name__)

    is_stage: ClassVar[bool] = False
    """Whether it ends a stage that is trained by itself, before what reads it."""

    def adapter(self) -> Block | None:
        """Like `Input.adapter`, for layers whose result other layers cannot read."""
        return None

    def resolved(self) -> Layer:
        """The layer that stands in a resolved graph, once all fields are set: itself, unless that depends on files.

        A resolved graph is built again from its JSON alone, so whatever lies in files is looked up here.
        """
        return self

    @property
    def frozen(self) -> bool:
        """Whether its module is never trained and deterministic per row, so that results may be cached."""
        return False

    @property
    def ignores_padding(self) -> bool:
        """Of a layer that reads codes: whether it makes the same of rows whose padding at the end is cut off."""
        return False


class Wrapper(Layer):
    """A layer that runs other layers on rows it makes, such as the members of a set.

    Args:
        encoder: what is inside: any block that becomes a chain of layers. It is resolved under the wrapper's name, like
            all parts, and then is the tuple of these layers in order.
    """

    encoder: Block | tuple[Layer, ...] | None = None

    @abstractmethod
    def inner(self, *specs: Spec) -> Spec:
        """The spec of what the first layer inside reads, given what the wrapper reads."""


class Fusion(Block):
    """A part that fuses M vectors, of which any may be absent in any row: an absent one has no influence at all."""

    @abstractmethod
    def build(self, *specs: Spec) -> nn.Module:
        """The module: (list of M tensors (B, D_m), present (B, M) bool or None where all are) -> (B, D)."""

    @abstractmethod
    def out(self, *specs: Spec) -> Spec:
        """The spec of the fused vector."""


class Composite(Block):
    """A part made of other parts: resolving replaces it by them."""

    @abstractmethod
    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins blocks to `nodes` and returns the last. All fields are set when it is asked for."""
