"""The mean over the members of an ensemble."""

from __future__ import annotations

from torch import Tensor, nn


class MeanOver(nn.Module):
    """The mean over one axis.

    Args:
        axis: the axis to average over; axis 0 are the rows.

    Shape: (B, E, D) -> (B, D) for axis 1.

    >>> import torch
    >>> MeanOver(1)(torch.zeros(2, 8, 32)).shape
    torch.Size([2, 32])
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """(B, E, D) -> (B, D) for axis 1."""
        return x.mean(dim=self.axis)
