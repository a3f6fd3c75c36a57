"""Pooling over space or time."""

from __future__ import annotations

from torch import Tensor, nn


class Pool(nn.Module):
    """Mean or maximum over axes.

    Args:
        dims: the axes that vanish.
        how: `"global_avg"` or `"global_max"`.
    """

    def __init__(self, dims: tuple[int, ...], how: str) -> None:
        super().__init__()
        self.dims = dims
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D)."""
        return x.mean(self.dims) if self.how == "global_avg" else x.amax(self.dims)
