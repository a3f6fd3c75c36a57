"""Vectors summed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import blank


class Sum(nn.Module):
    """The sum of the vectors that are present; those of another width are projected first.

    Projections have no bias: zeros, which stand for the absent, add zeros.

    Args:
        widths: D_m of each of the M vectors.
        width: D of the sum.

    Shape: M tensors (B, D_m), present (B, M) or None -> (B, D).

    >>> Sum([2, 3], 3)([torch.ones(4, 2), torch.ones(4, 3)], None).shape
    torch.Size([4, 3])
    """

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(
            [nn.Identity() if size == width else nn.Linear(size, width, bias=False) for size in widths]
        )

    def forward(self, vectors: Sequence[Tensor], present: Tensor | None) -> Tensor:
        """M x (B, D_m) -> (B, D)."""
        parts = [layer(x) for layer, x in zip(self.project, blank(vectors, present), strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


class Joined(nn.Module):
    """Maps or sequences of one shape, summed or side by side.

    Args:
        axis: the axis of their channels, B counted; None sums them.

    Shape: M tensors (B, ...) -> (B, ...).

    >>> Joined(1)(torch.ones(2, 3, 4, 4), torch.ones(2, 5, 4, 4)).shape
    torch.Size([2, 8, 4, 4])
    """

    def __init__(self, axis: int | None) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *maps: Tensor) -> Tensor:
        """M x (B, ...) -> (B, ...)."""
        if self.axis is not None:
            return torch.cat(maps, self.axis)
        total = maps[0]
        for one in maps[1:]:
            total = total + one
        return total
