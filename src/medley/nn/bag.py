"""Bags of codes: an embedding each, summed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALL = 0.1  # of the first weights: what is met rarely stays small, so that it says little
HALF = 0.025  # share of the rows that a code must be in to count half


class Bag(nn.Module):
    """The weighted sum of the embeddings of a bag's codes, divided by the root of their squared weights.

    The root keeps the variance of the sum alike for bags of any size. An empty bag gives the bias.

    A code's weight is learnt from the rows before training: share / (share + 0.025) for a code that is in this share
    of them. Optimisers like Adam take equal steps for all embeddings, however rarely they are met, so that what is in
    few rows would be memorised; a small weight makes small steps of them.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017, but for the weights.

    Args:
        rows: number of codes, the padding 0 included.
        width: D.
        token_dropout: share of codes that training leaves out of each bag.

    Shape: codes (B, G), 0 is padding -> (B, D).

    >>> Bag(100, 8)(torch.tensor([[3, 7, 0], [0, 0, 0]])).shape
    torch.Size([2, 8])
    """

    trust: Tensor

    def __init__(self, rows: int, width: int, token_dropout: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.token_dropout = token_dropout
        self.register_buffer("trust", torch.ones(rows))
        nn.init.normal_(self.weight, std=SMALL)
        with torch.no_grad():
            self.weight[0].zero_()
            self.trust[0] = 0

    @torch.no_grad()
    def adapt(self, codes: Tensor) -> None:
        """Learns how much each code weighs from rows (B, G)."""
        share = torch.bincount(codes.flatten().long(), minlength=len(self.trust))[: len(self.trust)] / len(codes)
        trust = share / (share + HALF)
        trust[0] = 0
        # The weight of the average code that a bag holds is 1, so that all bags' embeddings learn at the usual pace.
        mean = (share * trust.square()).sum() / share[1:].sum().clamp_min(1e-9)
        self.trust.copy_(trust / mean.sqrt().clamp_min(1e-9))

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, G) -> (B, D)."""
        if self.training and self.token_dropout:
            codes = codes.masked_fill(torch.rand(codes.shape, device=codes.device) < self.token_dropout, 0)
        trust = F.embedding(codes, self.trust[:, None])
        if torch.compiler.is_compiling() and not self.training:  # exporters know no bags, or make loops of them
            total = (F.embedding(codes, self.weight) * trust).sum(1)
        else:
            total = F.embedding_bag(codes, self.weight * self.trust[:, None], mode="sum", padding_idx=0)
        size = trust.square().sum(1)
        return total * size.clamp_min(1e-6).rsqrt() + self.bias


class BagNetwork(nn.Module):
    """A bag, and dense layers on it.

    Without layers, nothing bends the sum: a linear head on it is linear in the codes.

    Args:
        rows: number of codes, the padding 0 included.
        width: D, of the embeddings and of every layer.
        num_layers: dense layers after the bag.
        dropout: after the bag and after every layer.
        token_dropout: share of codes that training leaves out of each bag.

    Shape: codes (B, G) -> (B, D).

    >>> BagNetwork(100, 8, num_layers=1, dropout=0.25)(torch.tensor([[3, 7, 0]])).shape
    torch.Size([1, 8])
    """

    def __init__(self, rows: int, width: int, *, num_layers: int, dropout: float, token_dropout: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReLU()] if num_layers else []
        layers.append(nn.Dropout(dropout))
        for _ in range(num_layers):
            layers += [nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)]
        self.bag = Bag(rows, width, token_dropout)
        self.layers = nn.Sequential(*layers)

    def adapt(self, codes: Tensor) -> None:
        """Learns how much each code weighs from rows (B, G)."""
        self.bag.adapt(codes)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes (B, G) -> (B, D)."""
        return self.layers(self.bag(codes))
