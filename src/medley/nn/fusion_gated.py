"""Fusion by gates that depend on all vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import mask_scores, zero_absent


class Gated(nn.Module):
    """A gated multimodal unit: each output feature is weighted by a softmax over the present vectors.

    With two vectors, this is the unit of Arevalo et al. 2017: h = z * tanh(W1 x1) + (1 - z) * tanh(W2 x2),
    z = sigmoid(W [x1, x2]).

    Args:
        widths: D_m of each of the M vectors.
        width: D of the output.

    Shape: M tensors (B, D_m), present (B, M) or None -> (B, D).

    >>> Gated([2, 3], 4)([torch.ones(5, 2), torch.ones(5, 3)], None).shape
    torch.Size([5, 4])
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.values = nn.ModuleList([nn.Linear(size, width) for size in widths])
        self.gate = nn.Linear(sum(widths), len(widths) * width)

    def forward(self, vectors: Sequence[Tensor], present: Tensor | None) -> Tensor:
        """M x (B, D_m) -> (B, D)."""
        vectors = zero_absent(vectors, present)
        values = torch.stack([layer(x) for layer, x in zip(self.values, vectors, strict=True)], 1).tanh()
        scores = self.gate(torch.cat(vectors, 1)).unflatten(1, (len(vectors), -1))
        return (mask_scores(scores, present).softmax(1) * values).sum(1)
