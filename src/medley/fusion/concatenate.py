"""Fusion by concatenating vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.core.layer import Fusion
from medley.core.spec import Spec, vector

if TYPE_CHECKING:
    from torch import nn


class Concatenate(Fusion, register="fusion.concatenate"):
    """Concatenates vectors; absent ones are zeros.

    Args:
        stand_in: whether a learnt vector takes the place of each absent one. If not, there are no weights; if so, the
            layers that follow can learn what an absence means.

    Shape: M x (B, D_m) -> (B, sum of D_m).

    >>> str(Concatenate().out(vector(3), vector(5)))
    '(D=8)'
    """

    stand_in: bool = False

    def build(self, *specs: Spec) -> nn.Module:
        """Build the module."""
        from medley.nn.fusion_concatenate import Concatenation

        return Concatenation([spec.width for spec in specs], stand_in=self.stand_in)

    def out(self, *specs: Spec) -> Spec:
        """The sum of all widths."""
        return vector(sum(spec.width for spec in specs))
