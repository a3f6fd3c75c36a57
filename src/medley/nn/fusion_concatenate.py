"""Fusion by concatenation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import zero_absent


class Concatenation(nn.Module):
    """Concatenates vectors; absent ones are replaced by zeros or by a learned stand-in.

    Args:
        widths: D_m of each of the M vectors.
        stand_in: whether to learn a stand-in per vector, initialised to zeros, that replaces it where it is absent.

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
            return torch.cat(zero_absent(vectors, present), 1)
        pairs = enumerate(zip(vectors, self.stand_ins, strict=True))
        return torch.cat([torch.where(present[:, index, None], x, stand_in) for index, (x, stand_in) in pairs], 1)
