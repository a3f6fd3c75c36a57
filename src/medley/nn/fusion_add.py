"""Fusion by sum, and joins of feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.fusion_presence import zero_absent


class Sum(nn.Module):
    """The sum of the present vectors; vectors of another width are projected first.

    Projections have no bias, so that the zeros of absent vectors add nothing.

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
        parts = [layer(x) for layer, x in zip(self.project, zero_absent(vectors, present), strict=True)]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total


class Joined(nn.Module):
    """Sums or concatenates feature maps or sequences.

    Args:
        axis: the channel axis to concatenate along, where B is axis 0; None sums them.

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
        for feature_map in maps[1:]:
            total = total + feature_map
        return total
