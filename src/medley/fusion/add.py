"""Fusion by summing vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from medley.core.arguments import whole_number_problems
from medley.core.layer import Fusion
from medley.core.space import Space
from medley.core.spec import Spec, vector

if TYPE_CHECKING:
    from torch import nn


class Add(Fusion, register="fusion.add"):
    """Sums the vectors that are present; there are no weights if all have the same width.

    Args:
        width: of the sum; vectors of another width are projected to it. By default that of the widest vector.

    Shape: M x (B, D_m) -> (B, D).

    >>> str(Add().out(vector(3), vector(5)))
    '(D=5)'
    """

    width: int | Space | None = None

    def check(self) -> Iterable[str]:
        """Check that the width is positive."""
        yield from whole_number_problems(self, "width")

    def build(self, *specs: Spec) -> nn.Module:
        """Build the module."""
        from medley.nn.fusion_add import Sum

        return Sum([spec.width for spec in specs], self.out(*specs).width)

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        widest = max(spec.width for spec in specs)
        return vector(widest if self.width is None else cast(int, self.width))
