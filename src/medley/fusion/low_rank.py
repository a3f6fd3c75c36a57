"""Fusion by low-rank products of modalities."""

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


class LowRankFusion(Fusion, register="fusion.low_rank"):
    """Low-rank products of all vectors, which model interactions of modalities. An absent one's factor is 1.

    Source: Liu et al.: Efficient Low-rank Multimodal Fusion with Modality-Specific Factors, 2018.

    Args:
        width: width of the result.
        rank: number of products that are summed.

    Shape: M x (B, D_m) -> (B, D).

    >>> str(LowRankFusion(width=64, rank=4).out(vector(3), vector(5)))
    '(D=64)'
    """

    width: int | Space | None = searched(WIDTHS)
    rank: int | Space | None = searched(OneOf(2, 4, 8, 16, default=4))

    def check(self) -> Iterable[str]:
        """Check that the sizes are positive."""
        yield from whole_number_problems(self, "width", "rank")

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small width for few rows."""
        return {"width": default_width(specs, summary)}

    def build(self, *specs: Spec) -> nn.Module:
        """Build the module."""
        from medley.nn.fusion_low_rank import LowRankProduct

        return LowRankProduct([spec.width for spec in specs], cast(int, self.width), cast(int, self.rank))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(cast(int, self.width))
