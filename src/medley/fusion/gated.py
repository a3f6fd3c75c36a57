"""Fusion by gated multimodal units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Fusion
from medley.core.space import Space, searched
from medley.core.spec import Spec, vector
from medley.fusion.width import WIDTHS, default_width

if TYPE_CHECKING:
    from torch import nn


class GatedFusion(Fusion, register="fusion.gated"):
    """Gated multimodal unit: for each output number, a softmax over the vectors that are present weighs them.

    Source: Arevalo, Solorio, Montes-y-Gomez, Gonzalez: Gated Multimodal Units for Information Fusion, 2017;
        their unit for two modalities, generalised to M modalities of which any may be absent.

    Args:
        width: width of the result.

    Shape: M x (B, D_m) -> (B, D).

    >>> str(GatedFusion(width=64).out(vector(3), vector(5)))
    '(D=64)'
    """

    width: int | Space | None = searched(WIDTHS)

    def check(self) -> Iterable[str]:
        """Check that the width is positive."""
        yield from whole_number_problems(self, "width")

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small width for few rows."""
        return {"width": default_width(specs, summary)}

    def build(self, *specs: Spec) -> nn.Module:
        """Build the module."""
        from medley.nn.fusion_gated import Gated

        return Gated([spec.width for spec in specs], cast(int, self.width))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(cast(int, self.width))
