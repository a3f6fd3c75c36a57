"""Heads that have learned further classes since their network was first trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from medley.core.spec import Spec
from medley.heads.label_codec import LabelCodec
from medley.heads.linear_skip import LinearSkip
from medley.heads.members import JOINS, MembersLinear, MemberVote, mean_number
from medley.heads.readout import readout
from medley.nn.batch_ensemble import MemberLinear


class GrownHead(nn.Module):
    """The module of a head, and a linear layer for the raw outputs of classes that were added later.

    The module computes what it computed for the earlier classes. The linear path and earlier stages stay as they are,
    and know nothing about added classes.

    Args:
        module: of the head before.
        spec: of the head's first input.
        origin: the target codec before.
        target: the target codec with the added classes.

    Shape: as of the module; the last axis has the raw outputs of all classes.
    """

    order: Tensor

    def __init__(self, module: nn.Module, spec: Spec, origin: LabelCodec, target: LabelCodec) -> None:
        super().__init__()
        self.vote, self.returns_members = None, False
        for part in module.modules():
            if isinstance(part, MembersLinear | LinearSkip) and part.vote is not None:
                self.vote = MemberVote(len(part.vote.voters), JOINS[target.linear_link])
                part.vote = nn.Identity()  # type: ignore[assignment]
        self.module = module
        places, added = origin.raw_places(target)
        width = len(target.prior)
        order = np.full(width, len(places) + len(added))  # where neither, a logit of 0
        order[places], order[added] = np.arange(len(places)), len(places) + np.arange(len(added))
        self.register_buffer("order", torch.as_tensor(order), persistent=False)
        if spec.is_ensemble:
            self.added: nn.Module = MemberLinear(spec.shape[1], len(added), spec.shape[0])
        else:
            self.added = readout(spec, len(added), 0.0, mean_number)

    def forward(self, x: Tensor, *linear: Tensor) -> Tensor:
        """Raw outputs of all classes."""
        raw, added = self.module(x, *linear), self.added(x)
        raw = torch.cat([raw, added, torch.zeros_like(added[..., :1])], -1).index_select(-1, self.order)
        return raw if self.vote is None or self.training or self.returns_members else self.vote(raw)

    @property
    def parameters_of_added(self) -> tuple[Tensor, Tensor]:
        """Weights (..., D, K) and biases (..., K) of the K outputs of added classes: views of the parameters."""
        layer = self.added[-1] if isinstance(self.added, nn.Sequential) else self.added
        return layer.weight if isinstance(layer, MemberLinear) else layer.weight.T, layer.bias  # type: ignore[return-value]
