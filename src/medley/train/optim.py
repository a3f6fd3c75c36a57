"""Optimisers, learning-rate schedules and clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import cos, pi
from typing import Protocol

import torch
from torch import Tensor, nn

from medley.train.plan import Training


def make_optimizer(
    network: nn.Module, extra: Sequence[nn.Parameter], plan: Training, lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """The plan's optimiser, fused where the device has it.

    Each group of parameters holds its `share` of the learning rate (`shares`), which schedules must keep.

    Args:
        network: whose parameters are trained; those of rank 1 and 0 (biases, norms) do not decay.
        extra: parameters of the balancer; they do not decay.
        plan: says which.
        lr: learning rate.
        weight_decay: for the rest.
    """
    told = shares(network)
    trained = [p for p in network.parameters() if p.requires_grad]
    found: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in trained:
        decay = weight_decay if parameter.ndim >= 2 else 0.0
        found.setdefault((told.get(id(parameter), 1.0), decay), []).append(parameter)
    if extra:
        found.setdefault((1.0, 0.0), []).extend(extra)
    groups = [
        {"params": members, "weight_decay": decay, "lr": lr * share, "share": share}
        for (share, decay), members in found.items()
    ]
    if plan.optimizer == "sgd":
        # Fused SGD leaves its momentum uninitialised where a gradient scaler skips the first step (torch 2.13).
        return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, fused=plan.precision != "float16")
    kind = torch.optim.Adam if plan.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=lr, fused=True)


class Paced(Protocol):
    """A module that says how fast its parameters learn, as pretrained encoders do."""

    def learning_rates(self) -> Mapping[str, float]:
        """Own parameter name -> share of the learning rate."""
        ...


def shares(network: nn.Module) -> dict[int, float]:
    """`id(parameter)` -> its share of the learning rate, where a module (`Paced`) says another than 1."""
    found: dict[int, float] = {}
    for module in network.modules():
        told: Paced | None = module if hasattr(module, "learning_rates") else None  # type: ignore[assignment]
        if told is not None:
            named = dict(module.named_parameters())
            found |= {id(named[name]): share for name, share in told.learning_rates().items()}
    return found


def factor(schedule: str, progress: float) -> float:
    """The share of the highest learning rate at `progress` (0 = first step, 1 = after the last).

    Source of one-cycle: Smith & Topin 2018, "Super-convergence".

    >>> [round(factor("one_cycle", p), 3) for p in (0, 0.3, 0.65, 1)]
    [0.04, 1.0, 0.5, 0.0]
    >>> factor("constant", 0.7)
    1.0
    """
    if schedule == "constant":
        return 1.0
    warm, low = (0.3, 0.04) if schedule == "one_cycle" else (0.05, 0.01)
    if progress < warm:
        up = progress / warm
        return low + (1 - low) * (0.5 - 0.5 * cos(pi * up))
    return 0.5 + 0.5 * cos(pi * min(1.0, (progress - warm) / (1 - warm)))


def clip_(gradients: list[Tensor], norm: float) -> None:
    """Scales gradients in place so that their joint norm is at most `norm`; never waits for the device.

    >>> g = [torch.tensor([3.0]), torch.tensor([4.0])]
    >>> clip_(g, 1.0); [round(float(one), 2) for one in g]
    [0.6, 0.8]
    """
    # The foreach functions are what torch's own clip_grad_norm_ ends in; its detour costs more than a small network.
    norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
    total = torch.linalg.vector_norm(torch.stack(norms))
    scale = (norm / (total + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(gradients, scale)  # pyright: ignore[reportPrivateImportUsage]
