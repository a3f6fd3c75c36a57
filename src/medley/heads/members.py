"""Heads of ensembles: every member has its own loss in training; predictions are combined."""

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
"""Raw outputs of the members (B, E, K) -> raw outputs (B, K) of the mean of their predictions."""


class MemberVote(nn.Module):
    """Combines the raw outputs of the members of an ensemble.

    Args:
        members: number of members E.
        join: combines the raw outputs of members.

    Attributes:
        voters: (E,) indices of the members that are combined, repeated for more weight; initially all members.

    Shape: (B, E, K) -> (B, K).
    """

    voters: Tensor

    def __init__(self, members: int, join: Join) -> None:
        super().__init__()
        self.join = join
        self.register_buffer("voters", torch.arange(members))

    def forward(self, raw: Tensor) -> Tensor:
        """(B, E, K), or (B, E / F, K) of the members that leave out the same one of F folds -> (B, K)."""
        if raw.shape[1] == len(self.voters):
            return self.join(raw.index_select(1, self.voters).float())
        groups = torch.unique(self.voters // FOLDS)  # a group contains one member per fold
        return self.join(raw.index_select(1, groups).float())

    def choose(self, groups: Sequence[int]) -> None:
        """Selects the groups of members that are combined; a group contains one member per fold."""
        members = [group * FOLDS + fold for group in groups for fold in range(FOLDS)]
        count = len(self.voters)
        self.voters.copy_(torch.tensor((members * count)[:count]))


class MembersLinear(nn.Module):
    """A linear layer per member of an ensemble, whose outputs are combined in evaluation mode.

    In training, and within `separate_members`, the outputs of the members are returned separately, so that every member
    has its own loss: members that are trained on the loss of their mean depend on each other. Source: Gorishniy,
    Kotelnikov, Babenko: TabM, 2024, https://arxiv.org/abs/2410.24210.

    Args:
        members: number of members E.
        width: width D of the input.
        outputs: number of raw outputs K.
        join: combines the raw outputs of members.

    Shape: (B, E, D) -> (B, E, K) in training, else (B, K).

    >>> MembersLinear(4, 8, 3, mean_number).eval()(torch.zeros(2, 4, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(self, members: int, width: int, outputs: int, join: Join) -> None:
        super().__init__()
        self.linear = MemberLinear(width, outputs, members)
        self.vote = MemberVote(members, join)
        self.returns_members = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, E, D) -> (B, E, K) or (B, K)."""
        raw = self.linear(x)
        return raw if self.training or self.returns_members else self.vote(raw)


def find_vote(head: nn.Module) -> MemberVote | None:
    """The module that combines the members in a head's module; None if the head does not read an ensemble."""
    return next((module for module in head.modules() if isinstance(module, MemberVote)), None)


def join_members(head: nn.Module, raw: Tensor) -> Tensor:
    """Combines the raw outputs of an ensemble's members: (B, E, K) -> (B, K); other outputs (B, K) are returned as is.

    Args:
        head: the head's module.
        raw: its outputs within `separate_members`.
    """
    vote = find_vote(head)
    return raw if vote is None or raw.ndim == 2 else vote(raw)


def mean_number(raw: Tensor) -> Tensor:
    """Joins numbers: their mean."""
    return raw.mean(dim=1)


def mean_softmax(raw: Tensor) -> Tensor:
    """Joins logits of classes: the logarithms of the mean probabilities.

    >>> mean_softmax(torch.tensor([[[0.0, 0.0], [100.0, 0.0]]])).exp()
    tensor([[0.7500, 0.2500]])
    """
    return log_mean_exp(raw.log_softmax(dim=2))


def mean_sigmoid(raw: Tensor) -> Tensor:
    """Joins binary logits: the logits of the mean probabilities.

    >>> mean_sigmoid(torch.tensor([[[0.0], [100.0]]])).sigmoid()
    tensor([[0.7500]])
    """
    return log_mean_exp(F.logsigmoid(raw)) - log_mean_exp(F.logsigmoid(-raw))


def mean_ordered(raw: Tensor) -> Tensor:
    """Joins logits of ordered classes (see `OrderedHead`): the logits of the mean probabilities.

    >>> logits = mean_ordered(torch.tensor([[[100.0, 0.0], [-100.0, 0.0]]]))
    >>> ordered_logarithms(logits).exp()
    tensor([[0.5000, 0.2500, 0.2500]])
    """
    logarithms = log_mean_exp(ordered_logarithms(raw.flatten(0, 1)).unflatten(0, raw.shape[:2]))
    above = logarithms.flip(1).logcumsumexp(dim=1).flip(1)
    return above[:, 1:] - logarithms[:, :-1]


def log_mean_exp(logarithms: Tensor) -> Tensor:
    """Joins logarithms (B, E, K) of numbers: the logarithms of the mean numbers (B, K)."""
    return logarithms.logsumexp(dim=1) - log(logarithms.shape[1])


JOINS: dict[str, Join] = {
    "identity": mean_number,
    "log": log_mean_exp,
    "multinomial": mean_softmax,
    "logit": mean_sigmoid,
    "ordered": mean_ordered,
}
"""Link of raw outputs (`TargetCodec.linear_link`) -> function that joins the outputs of members."""
