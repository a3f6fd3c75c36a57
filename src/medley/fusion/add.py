"""Vectors summed, as a block."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from medley.core.layer import Fusion
from medley.core.space import Space
from medley.core.spec import Spec, vector
from medley.fusion.width import wrong_size

if TYPE_CHECKING:
    from torch import nn


class Add(Fusion, register="fusion.add"):
    """The sum of the vectors that are present; without weights where all are of one width.

    Args:
        width: of the sum; vectors of another width are projected to it. Left out, that of the widest vector.

    Shape: M x (B, D_m) -> (B, D).

    >>> str(Add().out(vector(3), vector(5)))
    '(D=5)'
    """

    width: int | Space | None = None

    def check(self) -> Iterable[str]:
        """The width is positive."""
        yield from wrong_size("width", self.width)

    def build(self, *specs: Spec) -> nn.Module:
        """The module."""
        from medley.nn.fusion_add import Sum

        return Sum([spec.width for spec in specs], self.out(*specs).width)

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        widest = max(spec.width for spec in specs)
        return vector(widest if self.width is None else cast(int, self.width))
