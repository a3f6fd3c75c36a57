"""Heads on the members of an ensemble: trained apart, predicting together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.data.split import FOLDS
from medley.heads.losses import ordered_logarithms
from medley.nn.batch_ensemble import MemberLinear

Join = Callable[[Tensor], Tensor]
"""Raw outputs of the members (B, E, K) -> raw outputs (B, K) that stand for the mean of what they predict."""


class MemberVote(nn.Module):
    """Makes one raw output of those of the members of an ensemble.

    Args:
        members: E.
        join: what the members' outputs become together.

    Attributes:
        voters: (E,) members whose outputs count, each as often as it is named; all of them at first.

    Shape: (B, E, K) -> (B, K).
    """

    voters: Tensor

    def __init__(self, members: int, join: Join) -> None:
        super().__init__()
        self.join = join
        self.register_buffer("voters", torch.arange(members))

    def forward(self, raw: Tensor) -> Tensor:
        """(B, E, K), or (B, E / F, K) of the members that leave out one of F folds -> (B, K)."""
        if raw.shape[1] == len(self.voters):
            return self.join(raw.index_select(1, self.voters).float())
        groups = torch.unique(self.voters // FOLDS)  # of members that leave out a fold each
        return self.join(raw.index_select(1, groups).float())

    def choose(self, groups: Sequence[int]) -> None:
        """Lets only some groups of members vote, each a round of one member per fold."""
        members = [group * FOLDS + fold for group in groups for fold in range(FOLDS)]
        count = len(self.voters)
        self.voters.copy_(torch.tensor((members * count)[:count]))


class MembersLinear(nn.Module):
    """A linear layer per member, and one raw output of them all where nothing is trained.

    In training, and within `members_apart`, the members' outputs stay apart, so that each gets a loss of its own:
    members that were trained on their mean would lean on each other. Source: Gorishniy, Kotelnikov, Babenko: TabM,
    2024, https://arxiv.org/abs/2410.24210.

    Args:
        members: E.
        width: D.
        outputs: K.
        join: what makes one output of the members'.

    Shape: (B, E, D) -> (B, E, K) in training, else (B, K).

    >>> MembersLinear(4, 8, 3, mean_number).eval()(torch.zeros(2, 4, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(self, members: int, width: int, outputs: int, join: Join) -> None:
        super().__init__()
        self.linear = MemberLinear(width, outputs, members)
        self.vote = MemberVote(members, join)
        self.apart = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, E, D) -> (B, E, K) or (B, K)."""
        raw = self.linear(x)
        return raw if self.training or self.apart else self.vote(raw)


def vote_of(head: nn.Module) -> MemberVote | None:
    """What joins the members under a head's module; None where it reads no ensemble."""
    return next((module for module in head.modules() if isinstance(module, MemberVote)), None)


def joined(head: nn.Module, raw: Tensor) -> Tensor:
    """Raw outputs (B, E, K) of the members under a head -> (B, K) of them together; others pass.

    Args:
        head: the head's module.
        raw: what it gave within `members_apart`.
    """
    vote = vote_of(head)
    return raw if vote is None or raw.ndim == 2 else vote(raw)


def mean_number(raw: Tensor) -> Tensor:
    """Numbers: their mean."""
    return raw.mean(dim=1)


def mean_softmax(raw: Tensor) -> Tensor:
    """Logits of classes: the logarithms of the mean probabilities.

    >>> mean_softmax(torch.tensor([[[0.0, 0.0], [100.0, 0.0]]])).exp()
    tensor([[0.7500, 0.2500]])
    """
    return log_mean_exp(raw.log_softmax(dim=2))


def mean_sigmoid(raw: Tensor) -> Tensor:
    """Logits of a yes or no each: the logits of the mean probabilities.

    >>> mean_sigmoid(torch.tensor([[[0.0], [100.0]]])).sigmoid()
    tensor([[0.7500]])
    """
    return log_mean_exp(F.logsigmoid(raw)) - log_mean_exp(F.logsigmoid(-raw))


def mean_ordered(raw: Tensor) -> Tensor:
    """Logits of lying above a class that was reached: those of the mean probabilities.

    >>> found = mean_ordered(torch.tensor([[[100.0, 0.0], [-100.0, 0.0]]]))
    >>> ordered_logarithms(found).exp()
    tensor([[0.5000, 0.2500, 0.2500]])
    """
    found = log_mean_exp(ordered_logarithms(raw.flatten(0, 1)).unflatten(0, raw.shape[:2]))
    above = found.flip(1).logcumsumexp(dim=1).flip(1)
    return above[:, 1:] - found[:, :-1]


def log_mean_exp(logarithms: Tensor) -> Tensor:
    """Logarithms of the members' values (B, E, K) -> the logarithms of their means (B, K)."""
    return logarithms.logsumexp(dim=1) - log(logarithms.shape[1])


JOINS: dict[str, Join] = {
    "identity": mean_number,
    "log": log_mean_exp,
    "multinomial": mean_softmax,
    "logit": mean_sigmoid,
    "ordered": mean_ordered,
}
"""What raw outputs mean (`TargetCodec.linear_link`) -> how members' outputs are joined."""
