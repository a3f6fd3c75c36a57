"""Fast adaptive multitask optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from medley.balance.balancer import ScalarBalancer
from medley.core.registry import register

_EPSILON = 1e-8
_BETAS = (0.9, 0.999)


@final
@register("balance.famo")
class FastAdaptiveMultitask(ScalarBalancer):
    """c sum_k z_k log(L_k), z = softmax(logits), so that all losses fall at an equal relative rate.

    Liu, Feng, Stone & Liu, "FAMO: Fast Adaptive Multitask Optimization" (NeurIPS 2023). c = 1 / sum_k (z_k /
    L_k), held constant, makes the gradient a convex combination of the tasks' gradients. After each step, Adam changes
    the logits so that a task whose log-loss fell more than that of the others gets a smaller weight.

    The paper computes the losses of the same batch again after the step. Here the losses of the next batch are used
    instead, which saves a forward pass; the noise that this adds cancels out over steps, because every loss is used
    once as "after" and once as "before". Losses must not be negative. A constant factor on a loss has no effect under
    the logarithm, so the K weights only select the tasks (those above zero).

    Args:
        weights: K weights.
        rate: the learning rate of the logits.
        decay: the logits' L2 decay.

    >>> balancer = FastAdaptiveMultitask([1.0, 1.0])
    >>> balancer.total([torch.tensor(2.0), torch.tensor(3.0)]).shape, balancer.logits.shape
    (torch.Size([]), torch.Size([2]))
    """

    logits: Tensor
    moments: Tensor
    steps: Tensor
    before: Tensor

    def __init__(self, weights: Sequence[float], rate: float = 0.025, decay: float = 1e-3) -> None:
        super().__init__("famo", weights, {"rate": rate, "decay": decay})
        self.rate, self.decay = rate, decay
        tasks = len(self.loss_weights)
        self.register_buffer("logits", torch.zeros(tasks))
        self.register_buffer("moments", torch.zeros(2, tasks))  # Adam's moments of the gradient and of its square
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("before", torch.full((tasks,), torch.nan))  # log-losses when last observed

    def total(self, losses: Sequence[Tensor]) -> Tensor:
        """The combined loss of the observed tasks, after updating the logits from the change of the losses."""
        values = torch.stack(tuple(losses)) * self.weights
        observed = values != 0
        shifted = torch.where(observed, values, 1.0) + _EPSILON
        logs = torch.log(shifted)
        with torch.no_grad():
            self._learn(logs, observed)
            self.before.copy_(torch.where(observed, logs, self.before))
            task_weights = torch.softmax(self.logits, dim=0) * observed
            task_weights = task_weights / (task_weights / shifted).sum().clamp(min=torch.finfo(task_weights.dtype).tiny)
        return (task_weights * logs).sum()

    def _learn(self, logs: Tensor, observed: Tensor) -> None:
        comparable = observed & ~self.before.isnan()
        decrease = torch.where(comparable, self.before - logs, 0.0)
        probabilities = torch.softmax(self.logits, dim=0) * comparable
        mean = (probabilities * decrease).sum() / probabilities.sum().clamp(min=_EPSILON)
        # The derivative of the softmax; tasks that cannot be compared have probability 0 and do not change.
        gradient = probabilities * (decrease - mean) + self.decay * self.logits
        # The first batch has nothing to compare with; it is masked, as a branch would need a device synchronisation.
        any_comparable = comparable.any().to(gradient.dtype)
        first, second = _BETAS
        self.steps += any_comparable
        self.moments[0].lerp_(gradient, any_comparable * (1 - first))
        self.moments[1].lerp_(gradient * gradient, any_comparable * (1 - second))
        steps = self.steps.clamp(min=1)
        mean_hat, square_hat = self.moments[0] / (1 - first**steps), self.moments[1] / (1 - second**steps)
        self.logits -= any_comparable * self.rate * mean_hat / (square_hat.sqrt() + _EPSILON)
