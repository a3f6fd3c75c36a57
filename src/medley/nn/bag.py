"""Bags of tokens: sums of weighted embeddings."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INITIAL_STD = 0.1  # small, so that embeddings of rare tokens, which are seldom updated, have little effect
HALF = 0.025  # the fraction of rows that contain a token whose weight is one half


class Bag(nn.Module):
    """The weighted sum of the embeddings of a bag's tokens, divided by the root of the sum of squared weights.

    The division makes the variance of the output independent of the size of the bag. An empty bag gives the bias.

    The weight of a token is computed from the training rows before training: f / (f + 0.025) for a token that occurs in
    the fraction f of the rows. Optimizers such as Adam take steps of equal size for all embeddings, however rare, so a
    network would memorise tokens that occur in few rows; a small weight makes the effect of these steps small.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification", EACL 2017, except for the weights.

    Args:
        rows: number of token ids, including the padding 0.
        width: D.
        token_dropout: probability that a token is dropped from a bag in training.

    Shape: token ids (B, G), 0 is padding -> (B, D).

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
        nn.init.normal_(self.weight, std=INITIAL_STD)
        with torch.no_grad():
            self.weight[0].zero_()
            self.trust[0] = 0

    @torch.no_grad()
    def adapt(self, ids: Tensor) -> None:
        """Computes the weight of each token from rows (B, G)."""
        frequency = torch.bincount(ids.flatten().long(), minlength=len(self.trust))[: len(self.trust)] / len(ids)
        trust = frequency / (frequency + HALF)
        trust[0] = 0
        # Scaled so that the root mean square weight of the tokens of all bags is 1: embeddings learn at the usual rate.
        mean = (frequency * trust.square()).sum() / frequency[1:].sum().clamp_min(1e-9)
        self.trust.copy_(trust / mean.sqrt().clamp_min(1e-9))

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, G) -> (B, D)."""
        if self.training and self.token_dropout:
            ids = ids.masked_fill(torch.rand(ids.shape, device=ids.device) < self.token_dropout, 0)
        trust = F.embedding(ids, self.trust[:, None])
        if torch.compiler.is_compiling() and not self.training:  # exporters lack embedding bags, or make loops of them
            total = (F.embedding(ids, self.weight) * trust).sum(1)
        else:
            total = F.embedding_bag(ids, self.weight * self.trust[:, None], mode="sum", padding_idx=0)
        size = trust.square().sum(1)
        return total * size.clamp_min(1e-6).rsqrt() + self.bias


class BagNetwork(nn.Module):
    """A bag of tokens, followed by dense layers.

    Without dense layers there is no non-linearity: a linear head on the bag is linear in the tokens.

    Args:
        rows: number of token ids, including the padding 0.
        width: D, of the embeddings and of every layer.
        num_layers: number of dense layers after the bag.
        dropout: dropout probability after the bag and after every layer.
        token_dropout: probability that a token is dropped from a bag in training.

    Shape: token ids (B, G) -> (B, D).

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

    def adapt(self, ids: Tensor) -> None:
        """Computes the weight of each token from rows (B, G)."""
        self.bag.adapt(ids)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, G) -> (B, D)."""
        return self.layers(self.bag(ids))
