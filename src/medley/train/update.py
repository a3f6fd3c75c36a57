"""The updates of optimisers as pure functions of tensors, for steps that are traced or run for many lanes at once.

They compute what torch's fused optimisers compute, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medley.train.plan import Training

BETA1, EPSILON, MOMENTUM = 0.9, 1e-8, 0.9

MOMENTS = {"adamw": ("exp_avg", "exp_avg_sq"), "adam": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",)}
"""Optimiser -> names of a parameter's moments in the state of torch's optimisers, all with its shape."""


def clipped(gradients: Sequence[Tensor], norm: float) -> list[Tensor]:
    """Gradients, scaled so that their joint norm is at most `norm`; unchanged for 0.

    >>> [round(float(x), 2) for x in clipped([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)]
    [0.6, 0.8]
    """
    if not norm:
        return list(gradients)
    total = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = (norm / (total + 1e-6)).clamp(max=1.0)
    return [gradient * scale for gradient in gradients]


def updated(
    plan: Training,
    parameter: Tensor,
    gradient: Tensor,
    moments: Sequence[Tensor],
    step: Tensor,
    rate: Tensor | float,
    decay: Tensor | float | None,
) -> tuple[Tensor, list[Tensor]]:
    """A parameter and its moments after a step.

    Args:
        plan: names the optimiser.
        parameter: of any shape.
        gradient: of the same shape.
        moments: as in `MOMENTS`; zeros before the first step.
        step: () number of this step, from 1.
        rate: learning rate.
        decay: weight decay; None for none.

    >>> zeros = [torch.zeros(1), torch.zeros(1)]
    >>> updated(Training(optimizer="adam"), torch.ones(1), torch.ones(1), zeros, torch.tensor(1.0), 0.1, None)[0]
    tensor([0.9000])
    """
    if plan.optimizer == "adamw":
        parameter = parameter if decay is None else parameter * (1 - rate * decay)
    elif decay is not None:
        gradient = gradient + decay * parameter
    if plan.optimizer == "sgd":
        momentum = MOMENTUM * moments[0] + gradient
        return parameter - rate * (gradient + MOMENTUM * momentum), [momentum]  # Nesterov
    first = moments[0] + (1 - BETA1) * (gradient - moments[0])
    second = plan.beta2 * moments[1] + (1 - plan.beta2) * gradient * gradient
    denominator = second.sqrt() / (1 - plan.beta2**step).sqrt() + EPSILON
    return parameter - rate / (1 - BETA1**step) * (first / denominator), [first, second]
