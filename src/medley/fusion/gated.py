"""Gated multimodal units, as a block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from medley.core.block import DataSummary
from medley.core.layer import Fusion
from medley.core.space import Space, searched
from medley.core.spec import Spec, vector
from medley.fusion.width import WIDTHS, default_width, wrong_size

if TYPE_CHECKING:
    from torch import nn


class GatedFusion(Fusion, register="fusion.gated"):
    """Per output number, a softmax over the vectors that are present says whom to believe.

    Source: Arevalo, Solorio, Montes-y-Gomez, Gonzalez: Gated Multimodal Units for Information Fusion, 2017;
        its unit
    for two modalities, generalised to M of which any may be absent.

    Args:
        width: of the result.

    Shape: M x (B, D_m) -> (B, D).

    >>> str(GatedFusion(width=64).out(vector(3), vector(5)))
    '(D=64)'
    """

    width: int | Space | None = searched(WIDTHS)

    def check(self) -> Iterable[str]:
        """The width is positive."""
        yield from wrong_size("width", self.width)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Narrow for few rows."""
        return {"width": default_width(specs, summary)}

    def build(self, *specs: Spec) -> nn.Module:
        """The module."""
        from medley.nn.fusion_gated import Gated

        return Gated([spec.width for spec in specs], cast(int, self.width))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        return vector(cast(int, self.width))
