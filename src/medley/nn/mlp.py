"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def mlp(width: int, widths: Sequence[int], *, batchnorm: bool = False, dropout: float = 0.0) -> nn.Sequential:
    """Builds layers of linear map, batch norm, ReLU and dropout; options that are off add no module.

    Args:
        width: size of the input.
        widths: sizes of the layers; at least one.
        batchnorm: whether each layer has batch norm.
        dropout: dropout probability after each layer, below 1.

    Shape: (B, width) -> (B, widths[-1]).

    >>> mlp(3, [25])
    Sequential(
      (0): Linear(in_features=3, out_features=25, bias=True)
      (1): ReLU()
    )
    """
    parts: list[nn.Module] = []
    for size in widths:
        parts.append(nn.Linear(width, size))
        if batchnorm:
            parts.append(nn.BatchNorm1d(size))
        parts.append(nn.ReLU())
        if dropout:
            parts.append(nn.Dropout(dropout))
        width = size
    return nn.Sequential(*parts)
