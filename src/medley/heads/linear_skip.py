"""Heads that start from the predictions of a linear path or of an earlier stage."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.core.spec import Spec
from medley.heads.members import MembersLinear
from medley.nn.members import MemberWise


class Gain(MemberWise):
    """A trainable factor (E, 1) for each of E members, initially 1; fixed at 0 for the last `blind` members."""

    uses_linear: Tensor

    def __init__(self, members: int, blind: int = 0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(members, 1))
        uses_linear = (torch.arange(members) < members - blind).float()[:, None]
        self.register_buffer("uses_linear", uses_linear, persistent=False)

    def forward(self) -> Tensor:
        """(E, 1)."""
        return self.of_chosen(self.factor * self.uses_linear)


class LinearSkip(nn.Module):
    """A head's layer plus the predictions of a linear path, times a trainable gain that is initially 1.

    The layer's weights are initially zero, so that an untrained network predicts like the linear model.

    Args:
        module: the module that the head builds: dropout, if any, then an `nn.Linear` or `MembersLinear`.
        start: position of the head's raw outputs in the linear path's vector, whose first number is 1 if the row has
            linear predictions.
        prior: (K,) replaces the linear predictions if the row has none.
        blind: number of members, counted from the last, that do not use the linear path.

    Shape: (B, D) or (B, E, D), and (B, L) of the linear path -> (B, K); in training (B, E, K) for members.
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
        self.returns_members = False
        with torch.no_grad():
            for name, parameter in self.layer.named_parameters():
                if self.vote is None:
                    parameter.zero_()
                    continue
                parameter[: members - blind] = 0
                if blind and name == "bias":
                    parameter[members - blind :] = prior

    def randomize(self) -> None:
        """Gives the layer's weights random values, as for a layer without a skip.

        No gradient passes a layer of zeros, so that what is below it learns slowly at first.
        """
        weight: Tensor = self.layer.weight  # type: ignore[assignment]
        bound = float(weight.shape[-1 if self.vote is None else -2] ** -0.5)
        with torch.no_grad():
            weight.uniform_(-bound, bound)

    def forward(self, x: Tensor, linear: Tensor) -> Tensor:
        """Raw outputs."""
        start = torch.where(linear[:, :1] > 0, linear[:, self.places], self.prior)
        raw = self.layer(self.before(x))
        if self.vote is None:
            return raw + self.gain()[0] * start
        raw = raw + self.gain() * start.unsqueeze(1)
        return raw if self.training or self.returns_members else self.vote(raw)


def add_linear_skip(module: nn.Module, specs: Sequence[Spec], head: str, prior: Tensor) -> nn.Module:
    """Makes a head's module start from the predictions of a linear path or of an earlier stage.

    Args:
        module: the module that the head builds for the first spec.
        specs: the specs of the head's inputs: one, or two of which the second has `answers`.
        head: the head's name.
        prior: (K,) raw outputs of the best constant prediction.
    """
    if len(specs) == 1:
        return module
    start = 1
    for name, outputs in specs[1].linear_outputs:
        if name == head:
            return LinearSkip(module, start, prior, specs[0].blind)
        start += outputs
    return FirstInput(module)


class FirstInput(nn.Module):
    """A head's module that ignores its second input, because the linear path has no predictions for the head."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, linear: Tensor) -> Tensor:
        """Raw outputs of the module for x."""
        return self.module(x)
