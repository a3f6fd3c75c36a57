"""Embeddings of numeric features: each number is mapped to a vector.

Source: Gorishniy, Rubachev, Babenko: On Embeddings for Numerical Features in Tabular Deep Learning, 2022,
https://arxiv.org/abs/2203.05556.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

_LARGEST = 3e38  # close to the largest float32: exported graphs must not contain infinities


class PiecewiseLinearEmbedding(nn.Module):
    """The sum of a linear embedding and a piecewise-linear embedding of each number.

    Number f has bin edges e_0 < ... < e_m. Component i of its encoding is (x - e_i) / (e_i+1 - e_i), clipped to [0, 1];
    the first component is not clipped from below, and the last not from above (section 3.2 of the paper). The weights
    of the encoding are initialised to zero, so that a new embedding is linear.

    Args:
        edges: increasing bin edges of each of the F numbers, at least two.
        width: E, size of an embedding.

    Shape: (B, F) -> (B, F, E).

    >>> PiecewiseLinearEmbedding([[0.0, 1.0, 2.0], [0.0, 5.0]], 4)(torch.zeros(3, 2)).shape
    torch.Size([3, 2, 4])
    """

    slope: Tensor
    offset: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, edges: Sequence[Sequence[float]], width: int) -> None:
        super().__init__()
        max_bins = max(len(row) for row in edges) - 1
        tables: dict[str, list[list[float]]] = {"slope": [], "offset": [], "low": [], "high": []}
        for row in edges:
            bins, missing = len(row) - 1, max_bins - len(row) + 1
            spans = [after - before for before, after in pairwise(row)]
            tables["slope"].append([1 / span for span in spans] + [0.0] * missing)
            tables["offset"].append([-edge / span for edge, span in zip(row, spans, strict=False)] + [0.0] * missing)
            tables["low"].append([-_LARGEST] + [0.0] * (max_bins - 1))
            tables["high"].append([1.0] * (bins - 1) + [_LARGEST] + [1.0] * missing)
        for name, table in tables.items():  # determined by the arguments, so not saved with the weights
            self.register_buffer(name, torch.tensor(table, dtype=torch.float32), persistent=False)
        bound = width**-0.5
        self.linear_weight = nn.Parameter(torch.empty(len(edges), width).uniform_(-bound, bound))
        self.linear_bias = nn.Parameter(torch.empty(len(edges), width).uniform_(-bound, bound))
        self.weight = nn.Parameter(torch.zeros(len(edges), max_bins, width))

    def encode(self, x: Tensor) -> Tensor:
        """Numbers (B, F) -> piecewise-linear encodings (B, F, M), M the largest number of bins."""
        components = self.offset + self.slope * x.unsqueeze(2)
        return torch.minimum(torch.maximum(components, self.low), self.high)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F) -> (B, F, E)."""
        piecewise = (self.encode(x).transpose(0, 1) @ self.weight).transpose(0, 1)
        return self.linear_bias + self.linear_weight * x.unsqueeze(2) + piecewise


class PeriodicEmbedding(nn.Module):
    """Cosines and sines of each number at learned frequencies, followed by a shared linear layer and ReLU.

    Source: section 3.3 of the paper (PLR, its light variant).

    Args:
        numbers: F, number of numeric features.
        width: E, size of an embedding.
        frequencies: number of frequencies per number.
        scale: standard deviation of the initial frequencies, which are truncated at three standard deviations.

    Shape: (B, F) -> (B, F, E).

    >>> PeriodicEmbedding(2, 4, frequencies=16, scale=0.1)(torch.zeros(3, 2)).shape
    torch.Size([3, 2, 4])
    """

    def __init__(self, numbers: int, width: int, *, frequencies: int, scale: float) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.empty(numbers, frequencies))
        nn.init.trunc_normal_(self.frequency, 0.0, scale, -3 * scale, 3 * scale)
        self.linear = nn.Linear(2 * frequencies, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F) -> (B, F, E)."""
        angle = 2 * math.pi * self.frequency * x.unsqueeze(2)
        return torch.relu(self.linear(torch.cat([angle.cos(), angle.sin()], dim=2)))
