"""An axis of an ensemble's members."""

from __future__ import annotations

from torch import Tensor, nn


class MeanOver(nn.Module):
    """The mean over one axis.

    Args:
        axis: which; 0 is the rows'.

    Shape: (B, E, D) -> (B, D) for axis 1.

    >>> import torch
    >>> MeanOver(1)(torch.zeros(2, 8, 32)).shape
    torch.Size([2, 32])
    """

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Averages."""
        return x.mean(dim=self.axis)
