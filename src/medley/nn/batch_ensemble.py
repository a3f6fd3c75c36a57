"""Ensembles of linear layers and MLPs in one module, with shared weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medley.nn.members import MemberWise


class BatchEnsembleLinear(nn.Module):
    """Linear layers of E members that share one weight matrix; each member scales its input and its output.

    Member e computes ((x * r_e) W) * s_e + b_e. Sources: Wen, Tran, Ba: BatchEnsemble, 2020,
    https://arxiv.org/abs/2002.06715; Gorishniy, Kotelnikov, Babenko: TabM, 2024, https://arxiv.org/abs/2410.24210.

    Args:
        width: D.
        units: D'.
        members: E.
        random_signs: initialise the input scales with random signs, which makes the members differ, instead of ones.

    Shape: (B, E, D) -> (B, E, D').

    >>> BatchEnsembleLinear(6, 4, 3)(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, width: int, units: int, members: int, *, random_signs: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(units, width))
        self.r = nn.Parameter(torch.ones(members, width))
        self.s = nn.Parameter(torch.ones(members, units))
        self.bias = nn.Parameter(torch.empty(members, units))
        bound = width**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        with torch.no_grad():  # equal biases, so that only the scales of the members differ at first
            self.bias.copy_(torch.empty(units).uniform_(-bound, bound))
        if random_signs:
            with torch.no_grad():
                self.r.bernoulli_(0.5).mul_(2).sub_(1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, E, D) -> (B, E, D')."""
        return (x * self.r) @ self.weight.T * self.s + self.bias


class MemberLinear(MemberWise):
    """A separate linear layer for each of E members.

    Args:
        width: D.
        units: D'.
        members: E.

    Shape: (B, E, D) -> (B, E, D').

    >>> MemberLinear(6, 4, 3)(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, width: int, units: int, members: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(members, width, units).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, units).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """(B, E, D) -> (B, E, D')."""
        return (x.transpose(0, 1) @ self.of_chosen(self.weight)).transpose(0, 1) + self.of_chosen(self.bias)


class BatchEnsembleMLP(nn.Sequential):
    """Layers of `BatchEnsembleLinear`, ReLU and dropout; the first has random signs as input scales.

    Args:
        width: D.
        units: D' of each layer.
        num_layers: number of layers.
        members: E.
        dropout: dropout probability after each layer.

    Shape: (B, E, D) -> (B, E, D').

    >>> BatchEnsembleMLP(6, 4, num_layers=2, members=3, dropout=0.1)(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, width: int, units: int, *, num_layers: int, members: int, dropout: float) -> None:
        layers: list[nn.Module] = []
        for layer in range(num_layers):
            is_first = layer == 0
            linear = BatchEnsembleLinear(width if is_first else units, units, members, random_signs=is_first)
            layers += [linear, nn.ReLU(), nn.Dropout(dropout)]
        super().__init__(*layers)


class Members(nn.Module):
    """Repeats a vector for each of E members.

    Args:
        members: E.

    Shape: (B, D) -> (B, E, D).

    >>> Members(3)(torch.zeros(2, 6)).shape
    torch.Size([2, 3, 6])
    """

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, E, D)."""
        return x.unsqueeze(1).expand(-1, self.members, -1)
