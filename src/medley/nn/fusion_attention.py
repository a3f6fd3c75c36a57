"""Fusion by attention over vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import mask_scores, zero_absent


class Pooling(nn.Module):
    """Multi-head attention with one learned query per head over one token per vector; absent tokens are masked.

    Tokens are projections of the vectors, normalised so that no modality dominates by its scale; the bias of each
    projection identifies its modality. Each head scores the tokens with its query and returns the weighted mean of its
    own projection of them.

    Args:
        widths: D_m of each of the M vectors.
        width: D of the tokens and of the output.
        heads: number of queries.

    Shape: M tensors (B, D_m), present (B, M) or None -> (B, D).

    >>> Pooling([2, 3], 8, 2)([torch.ones(5, 2), torch.ones(5, 3)], None).shape
    torch.Size([5, 8])
    """

    def __init__(self, widths: Sequence[int], width: int, heads: int) -> None:
        super().__init__()
        inner = -(-width // heads)  # rounded up: the number of heads need not divide the width
        self.heads = heads
        self.scale = width**-0.5
        self.tokens = nn.ModuleList([nn.Linear(size, width) for size in widths])
        self.norm = nn.LayerNorm(width)
        self.query = nn.Parameter(torch.empty(heads, width))
        self.value = nn.Linear(width, heads * inner)
        self.join = nn.Linear(heads * inner, width)
        nn.init.normal_(self.query, std=0.02)  # near 0, so that all tokens have about equal weights at first

    def forward(self, vectors: Sequence[Tensor], present: Tensor | None) -> Tensor:
        """M x (B, D_m) -> (B, D)."""
        projected = [layer(x) for layer, x in zip(self.tokens, zero_absent(vectors, present), strict=True)]
        tokens = self.norm(torch.stack(projected, 1))
        weights = mask_scores(tokens @ self.query.T * self.scale, present).softmax(1)
        values = self.value(tokens).unflatten(2, (self.heads, -1))
        return self.join((weights.unsqueeze(3) * values).sum(1).flatten(1))
