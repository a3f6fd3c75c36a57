"""Vectors side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import blank


class Concatenation(nn.Module):
    """Vectors side by side; zeros, or a learnt stand-in, where one is absent.

    Args:
        widths: D_m of each of the M vectors.
        stand_in: whether a vector is learnt for each, which starts as zeros and takes the place of absent
            ones.

    Shape: M tensors (B, D_m), present (B, M) or None -> (B, sum of D_m).

    >>> Concatenation([2, 3])([torch.ones(4, 2), torch.ones(4, 3)], None).shape
    torch.Size([4, 5])
    """

    def __init__(self, widths: Sequence[int], *, stand_in: bool = False) -> None:
        super().__init__()
        self.stand_ins = nn.ParameterList([torch.zeros(width) for width in widths]) if stand_in else None

    def forward(self, vectors: Sequence[Tensor], present: Tensor | None) -> Tensor:
        """M x (B, D_m) -> (B, D)."""
        if self.stand_ins is None or present is None:
            return torch.cat(blank(vectors, present), 1)
        pairs = enumerate(zip(vectors, self.stand_ins, strict=True))
        return torch.cat([torch.where(present[:, place, None], x, other) for place, (x, other) in pairs], 1)
