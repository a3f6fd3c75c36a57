"""Weights learned from each task's homoscedastic uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from medley.balance.balancer import ScalarBalancer
from medley.core.registry import register


@final
@register("balance.uncertainty")
class UncertaintyWeights(ScalarBalancer):
    """sum_k w_k (exp(-s_k) L_k + s_k / 2), where s_k = log sigma_k^2 is learned per task and zero at first.

    Kendall, Gal & Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses" (CVPR 2018). The paper has
    L / sigma^2 + log sigma for a cross-entropy L and L / (2 sigma^2) + log sigma for a squared error L. Both
    are equivalent to this formula: with s = t + log 2 the first becomes the second up to a constant, so that only the
    initial values differ, by log 2. If the losses are constant, s_k converges to log(2 L_k) and the task's weight to
    1 / (2 L_k).

    The fixed weights w_k are outside the exponential: inside, s_k would compensate for them.

    Args:
        weights: K weights.

    >>> balancer = UncertaintyWeights([1.0, 1.0])
    >>> balancer.total([torch.tensor(2.0), torch.tensor(3.0)]).shape, balancer.log_variance.shape
    (torch.Size([]), torch.Size([2]))
    """

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__("uncertainty", weights)
        self.log_variance = nn.Parameter(torch.zeros(len(self.loss_weights)))

    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """The sum over the tasks with observed labels in the batch; the s_k of others must not change."""
        stacked = torch.stack(tuple(losses))
        terms = self.weights * (torch.exp(-self.log_variance) * stacked + self.log_variance / 2)
        return torch.where(stacked != 0, terms, 0.0).sum()
