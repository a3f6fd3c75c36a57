"""Heads that start at a linear path's answers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.core.spec import Spec
from medley.heads.members import MembersLinear
from medley.nn.members import MemberWise


class Gain(MemberWise):
    """A factor for each of E members, (E, 1), that starts at 1; it is 0 for the last ones that are blind."""

    sighted: Tensor

    def __init__(self, members: int, blind: int = 0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(members, 1))
        sighted = (torch.arange(members) < members - blind).float()[:, None]
        self.register_buffer("sighted", sighted, persistent=False)

    def forward(self) -> Tensor:
        """(E, 1)."""
        return self.of_chosen(self.factor * self.sighted)


class LinearSkip(nn.Module):
    """A head's layer plus what a linear path answers, times a learnt gain that starts at 1.

    The layer's weights start at zero, so that an untrained network is the linear model.

    Args:
        module: what the head built: dropout, if any, then an `nn.Linear` or `MembersLinear`.
        start: of the head's raw outputs in the linear path's vector, whose first number is 1 where there is an answer.
        prior: (K,) takes the answer's place where there is none.
        blind: number of members, the last ones, that know nothing of the linear path.

    Shape: (B, D) or (B, E, D), and (B, L) of the linear path -> (B, K), in training (B, E, K) of members.
    """

    prior: Tensor

    def __init__(self, module: nn.Module, start: int, prior: Tensor, blind: int = 0) -> None:
        super().__init__()
        parts = list(module) if isinstance(module, nn.Sequential) else [module]
        self.before = nn.Sequential(*parts[:-1])
        last = parts[-1]
        self.vote = last.vote if isinstance(last, MembersLinear) else None
        self.layer = last.linear if isinstance(last, MembersLinear) else last
        members = len(last.vote.voters) if isinstance(last, MembersLinear) else 1
        self.gain = Gain(members, blind)
        self.places = slice(start, start + len(prior))
        self.register_buffer("prior", prior.clone(), persistent=False)
        self.apart = False
        with torch.no_grad():
            for name, parameter in self.layer.named_parameters():
                if self.vote is None:
                    parameter.zero_()
                    continue
                parameter[: members - blind] = 0
                if blind and name == "bias":
                    parameter[members - blind :] = prior

    def forward(self, x: Tensor, linear: Tensor) -> Tensor:
        """Raw outputs."""
        start = torch.where(linear[:, :1] > 0, linear[:, self.places], self.prior)
        raw = self.layer(self.before(x))
        if self.vote is None:
            return raw + self.gain()[0] * start
        raw = raw + self.gain() * start.unsqueeze(1)
        return raw if self.training or self.apart else self.vote(raw)


def start_at(module: nn.Module, specs: Sequence[Spec], head: str, prior: Tensor) -> nn.Module:
    """A head's module that starts at what a linear path, or an earlier stage, answers for the head.

    Args:
        module: what the head built for the first spec.
        specs: of what the head reads: alone, or with `answers` beside it.
        head: the head's name.
        prior: (K,) of its target.
    """
    if len(specs) == 1:
        return module
    start = 1
    for name, outputs in specs[1].linear_outputs:
        if name == head:
            return LinearSkip(module, start, prior, specs[0].blind)
        start += outputs
    return FirstOf(module)


class FirstOf(nn.Module):
    """A head's module that reads the first of two tensors: where a linear path has no answer for the head."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, linear: Tensor) -> Tensor:
        """As the module makes of x."""
        return self.module(x)
