"""Bags of codes: an embedding each, summed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALL = 0.1  # of the first weights: what is met rarely stays small, so that it says little


class Bag(nn.Module):
    """The sum of the embeddings of a bag's codes, divided by the root of their number.

    The root keeps the variance of the sum alike for bags of any size. An empty bag gives the bias.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017.

    Args:
        rows: number of codes, the padding 0 included.
        width: D.

    Shape: codes (B, G), 0 is padding -> (B, D).

    >>> Bag(100, 8)(torch.tensor([[3, 7, 0], [0, 0, 0]])).shape
    torch.Size([2, 8])
    """

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.weight, std=SMALL)
        with torch.no_grad():
            self.weight[0].zero_()

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, G) -> (B, D)."""
        here = codes != 0
        if torch.compiler.is_compiling() and not self.training:  # exporters know no bags, or make loops of them
            total = (F.embedding(codes, self.weight) * here.unsqueeze(2)).sum(1)
        else:
            total = F.embedding_bag(codes, self.weight, mode="sum", padding_idx=0)
        count = here.sum(1, keepdim=True).clamp_min(1)
        return total * count.to(total.dtype).rsqrt() + self.bias


class BagNetwork(nn.Module):
    """A bag, and dense layers on it.

    Args:
        rows: number of codes, the padding 0 included.
        width: D, of the embeddings and of every layer.
        num_layers: dense layers after the bag.
        dropout: after the bag and after every layer.

    Shape: codes (B, G) -> (B, D).

    >>> BagNetwork(100, 8, num_layers=1, dropout=0.25)(torch.tensor([[3, 7, 0]])).shape
    torch.Size([1, 8])
    """

    def __init__(self, rows: int, width: int, *, num_layers: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReLU(), nn.Dropout(dropout)]
        for _ in range(num_layers):
            layers += [nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)]
        self.bag = Bag(rows, width)
        self.layers = nn.Sequential(*layers)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, G) -> (B, D)."""
        return self.layers(self.bag(codes))
