"""The module of `Normalization`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """(x - mean) / std, both learnt by `adapt`.

    Args:
        rank: axes of one sample.
        place: the axis of a sample that keeps statistics of its own, or None.
        width: its size.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, rank: int, place: int | None, width: int) -> None:
        super().__init__()
        shape = [width if place == axis else 1 for axis in range(rank)]
        self.dims = tuple(axis + 1 for axis in range(rank) if axis != place)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def adapt(self, x: Tensor) -> None:
        """Learns from rows (B, ...); a constant feature keeps scale 1."""
        dims = (0, *self.dims)
        wide = x.double()
        mean = wide.mean(dims, keepdim=True)
        std = (wide - mean).square().mean(dims, keepdim=True).sqrt()
        std[std < 1e-6] = 1.0
        self.mean.copy_(mean[0])
        self.scale.copy_(1 / std[0])

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        return (x - self.mean) * self.scale
