"""The module of `Normalization`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """(x - mean) / std, with statistics computed by `adapt`.

    Args:
        rank: number of axes of one row.
        axis: the axis with separate statistics for each position, or None.
        width: size of that axis.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, rank: int, axis: int | None, width: int) -> None:
        super().__init__()
        shape = [width if i == axis else 1 for i in range(rank)]
        self.dims = tuple(i + 1 for i in range(rank) if i != axis)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def adapt(self, x: Tensor) -> None:
        """Computes the statistics of rows (B, ...); a constant feature has scale 1."""
        dims = (0, *self.dims)
        double = x.double()
        mean = double.mean(dims, keepdim=True)
        std = (double - mean).square().mean(dims, keepdim=True).sqrt()
        std[std < 1e-6] = 1.0
        self.mean.copy_(mean[0])
        self.scale.copy_(1 / std[0])

    def forward(self, x: Tensor) -> Tensor:
        """Standardises x (B, ...)."""
        centred = x - self.mean
        # In place, prediction touches less memory: it is bound by that.
        return centred * self.scale if torch.is_grad_enabled() else centred.mul_(self.scale)
