"""Attention pooling of sequences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from medley.core.arguments import whole_number_problems
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.errors import GraphError

if TYPE_CHECKING:
    from torch import nn


class AttentionPooling(Layer, register="series.attention_pooling"):
    """The weighted mean of the steps of a sequence, with weights from a small gated network.

    Steps that are all zeros are padding and have weight 0.

    Source: Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, 2018, equation 9.

    Args:
        hidden: hidden width of the gated network.

    Shape: (B, T, D) -> (B, D)

    Raises:
        ConfigError: the width is not a positive integer.
        GraphError: called on something that is not a sequence.

    >>> str(AttentionPooling(hidden=32).out(Spec((7, 16), "TD")))
    '(D=16)'
    """

    hidden: int | Space | None = searched(OneOf(32, 64, 128, default=64))

    def check(self) -> Iterable[str]:
        """Checks the width."""
        yield from whole_number_problems(self, "hidden")

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the module."""
        from medley.nn.backbone_inputs import StepPool

        return StepPool(self._width(specs), int(self.hidden))  # type: ignore[arg-type]

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(self._width(specs))

    def _width(self, specs: tuple[Spec, ...]) -> int:
        if not specs[0].is_sequence:
            raise GraphError(f"AttentionPooling reads sequences (TD), got {specs[0]}.")
        return specs[0].width
