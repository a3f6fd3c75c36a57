"""Fusion by attention over modalities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Fusion
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.fusion.width import WIDTHS, default_width

if TYPE_CHECKING:
    from torch import nn


class AttentionFusion(Fusion, register="fusion.attention"):
    """Attention pooling: a learnt query per head attends over one token per vector; absent tokens are masked.

    Source: attention pooling by a learnt seed, Lee et al.: Set Transformer, 2019, applied to the modalities of a
        row.

    Args:
        width: width of the tokens and of the result.
        num_heads: number of heads, each with its own query.

    Shape: M x (B, D_m) -> (B, D).

    >>> str(AttentionFusion(width=64, num_heads=4).out(vector(3), vector(5)))
    '(D=64)'
    """

    width: int | Space | None = searched(WIDTHS)
    num_heads: int | Space | None = searched(OneOf(1, 2, 4, 8, default=4))

    def check(self) -> Iterable[str]:
        """Check that the sizes are positive."""
        yield from whole_number_problems(self, "width", "num_heads")

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small width for few rows."""
        return {"width": default_width(specs, summary)}

    def build(self, *specs: Spec) -> nn.Module:
        """Build the module."""
        from medley.nn.fusion_attention import Pooling

        return Pooling([spec.width for spec in specs], cast(int, self.width), cast(int, self.num_heads))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(cast(int, self.width))
