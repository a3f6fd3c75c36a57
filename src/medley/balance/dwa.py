"""Dynamic weight average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from medley.balance.balancer import ScalarBalancer
from medley.core.registry import register
from medley.errors import ConfigError


@final
@register("balance.dwa")
class DynamicWeightAverage(ScalarBalancer):
    """sum_k a_k w_k L_k, where tasks whose loss falls slowly get larger weights.

    a = K softmax(r / T) over the K tasks, where r_k is the task's mean loss of the last epoch divided by that
    of the epoch before (Liu, Johns & Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019). A
    task without two observed epochs has r_k = 1. torchjd's implementation is not used, because its averages are not
    part of checkpoints and it counts batches without an observed label as a loss of zero.

    Args:
        weights: K weights.
        temperature: T > 0; larger values give more equal weights.

    Raises:
        ConfigError: the temperature is not above zero.

    >>> balancer = DynamicWeightAverage([1.0, 1.0])
    >>> balancer.total([torch.tensor(2.0), torch.tensor(3.0)]), balancer.rates().shape
    (tensor(5.), torch.Size([2]))
    """

    sums: Tensor
    counts: Tensor
    history: Tensor

    def __init__(self, weights: Sequence[float], temperature: float = 2.0) -> None:
        if not temperature > 0:
            raise ConfigError(f"temperature must be above zero, got {temperature!r}.")
        super().__init__("dwa", weights, {"temperature": temperature})
        self.temperature = temperature
        tasks = len(self.loss_weights)
        self.register_buffer("sums", torch.zeros(tasks))
        self.register_buffer("counts", torch.zeros(tasks))
        # Mean losses (2, K) of the last two epochs, the older first; NaN if unknown.
        self.register_buffer("history", torch.full((2, tasks), torch.nan))

    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """sum_k a_k w_k L_k; adds the losses to the averages of the epoch."""
        stacked = torch.stack(tuple(losses))
        with torch.no_grad():
            self.sums += stacked
            self.counts += stacked != 0
            task_weights = len(stacked) * torch.softmax(self.rates() / self.temperature, dim=0)
        return (task_weights * self.weights * stacked).sum()

    def rates(self) -> Tensor:
        """The rates r (K,): last epoch's mean loss over that of the epoch before; 1 if unknown."""
        return torch.nan_to_num(self.history[1] / self.history[0], nan=1.0)

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Average the losses of the epoch. A task without an observed label keeps its last average."""
        if not self.counts.any():
            return
        last = torch.where(self.counts > 0, self.sums / self.counts, self.history[1])
        self.history.copy_(torch.stack([self.history[1], last]))
        self.sums.zero_()
        self.counts.zero_()
