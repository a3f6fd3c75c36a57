"""Pooling over space or time."""

from __future__ import annotations

from torch import Tensor, nn


class Pool(nn.Module):
    """Mean or maximum over axes.

    Args:
        dims: the axes over which values are pooled.
        method: `"global_avg"` or `"global_max"`.
    """

    def __init__(self, dims: tuple[int, ...], method: str) -> None:
        super().__init__()
        self.dims = dims
        self.method = method

    def forward(self, x: Tensor) -> Tensor:
        """Pools x (B, ...) to (B, D)."""
        return x.mean(self.dims) if self.method == "global_avg" else x.amax(self.dims)
