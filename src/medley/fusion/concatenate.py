"""Vectors side by side, as a block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medley.core.layer import Fusion
from medley.core.spec import Spec, vector

if TYPE_CHECKING:
    from torch import nn


class Concatenate(Fusion, register="fusion.concatenate"):
    """Vectors side by side; zeros where one is absent.

    Args:
        stand_in: whether a vector is learnt in place of each absent one. Off, there are no weights at all,
            and what follows can only miss an absent vector; on, it can also learn what its absence means.

    Shape: M x (B, D_m) -> (B, sum of D_m).

    >>> str(Concatenate().out(vector(3), vector(5)))
    '(D=8)'
    """

    stand_in: bool = False

    def build(self, *specs: Spec) -> nn.Module:
        """The module."""
        from medley.nn.fusion_concatenate import Concatenation

        return Concatenation([spec.width for spec in specs], stand_in=self.stand_in)

    def out(self, *specs: Spec) -> Spec:
        """All widths together."""
        return vector(sum(spec.width for spec in specs))
