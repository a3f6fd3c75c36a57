"""Heads: what a graph predicts, with the loss and the metrics of each target."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from medley.core.block import Block
from medley.core.codec import TargetCodec
from medley.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn

    from medley.core.metric import Metric


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
