"""Low-rank bilinear fusion: products of projected vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import zero_absent


class LowRankProduct(nn.Module):
    """h = sum over r of w_r * product over m of (W_m,r [x_m, 1]) + b: all interactions of the M vectors.

    This equals a linear map of the outer product of all [x_m, 1] whose weight tensor has rank `rank`. An absent vector
    is left out of the product: its factor is 1. Factors are initialised near 1, so that long products neither vanish
    nor explode, and the factor of an absent vector is typical.

    Args:
        widths: D_m of each of the M vectors.
        width: D of the output.
        rank: number of products that are summed.

    Shape: M tensors (B, D_m), present (B, M) or None -> (B, D).

    >>> LowRankProduct([2, 3], 4, rank=2)([torch.ones(5, 2), torch.ones(5, 3)], None).shape
    torch.Size([5, 4])
    """

    def __init__(self, widths: Sequence[int], width: int, rank: int) -> None:
        super().__init__()
        self.factors = nn.ModuleList([nn.Linear(size, rank * width) for size in widths])
        self.mix = nn.Parameter(torch.full((rank,), 1 / rank))
        self.bias = nn.Parameter(torch.zeros(width))
        for factor in self.factors:
            nn.init.ones_(factor.bias)  # type: ignore[arg-type]

    def forward(self, vectors: Sequence[Tensor], present: Tensor | None) -> Tensor:
        """M x (B, D_m) -> (B, D)."""
        product = None
        for index, (layer, x) in enumerate(zip(self.factors, zero_absent(vectors, present), strict=True)):
            factor = layer(x)
            if present is not None:
                factor = factor.masked_fill(~present[:, index, None], 1.0)
            product = factor if product is None else product * factor
        assert product is not None
        return self.mix @ product.unflatten(1, (len(self.mix), -1)) + self.bias
