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
    """sum_k a_k w_k L_k, where a task that has been falling slowly weighs more.

    a = K softmax(r / T) over the K tasks, where r_k is the task's mean loss of the last epoch divided by that
    of the epoch before (Liu, Johns & Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019). A
    task for which two epochs are not known yet has r_k = 1. torchjd's own is not used, because it keeps its
    averages where no checkpoint sees them and counts batches without an observed label as a loss of zero.

    Args:
        weights: K weights.
        temperature: T, above zero; the larger, the more equal the weights.

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
        # Mean losses (2, K) of the last but one and of the last epoch; NaN is not known.
        self.register_buffer("history", torch.full((2, tasks), torch.nan))

    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """sum_k a_k w_k L_k; notes the losses for the epoch's averages."""
        stacked = torch.stack(tuple(losses))
        with torch.no_grad():
            self.sums += stacked
            self.counts += stacked != 0
            shares = len(stacked) * torch.softmax(self.rates() / self.temperature, dim=0)
        return (shares * self.weights * stacked).sum()

    def rates(self) -> Tensor:
        """The rates r (K,): last epoch's mean loss over that of the epoch before; 1 where not known yet."""
        return torch.nan_to_num(self.history[1] / self.history[0], nan=1.0)

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Averages the epoch. A task that it never observed keeps its last average."""
        if not self.counts.any():
            return
        last = torch.where(self.counts > 0, self.sums / self.counts, self.history[1])
        self.history.copy_(torch.stack([self.history[1], last]))
        self.sums.zero_()
        self.counts.zero_()
