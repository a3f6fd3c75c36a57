"""The width of a fused vector: its search range, default and check."""

from __future__ import annotations

from collections.abc import Sequence

from medley.core.block import DataSummary
from medley.core.space import OneOf
from medley.core.spec import Spec

WIDTHS = OneOf(32, 64, 128, 256, 512, default=64)


def default_width(specs: Sequence[Spec], summary: DataSummary) -> int:
    """The width of the widest vector, with a smaller maximum for few training rows.

    >>> from medley.core.spec import vector
    >>> default_width([vector(512), vector(20)], DataSummary(500))
    32
    """
    maximum = 32 if summary.rows < 1_000 else 64 if summary.rows < 10_000 else 128
    return min(maximum, max((spec.width for spec in specs), default=maximum))
