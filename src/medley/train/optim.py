"""Optimisers, learning-rate schedules and gradient clipping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import cos, pi
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from medley.train.plan import Training


def make_optimizer(
    network: nn.Module, balancer_parameters: Sequence[nn.Parameter], plan: Training, lr: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Creates the optimiser of a plan.

    Each group of parameters has a learning-rate `multiplier` (`multipliers`), by which schedules multiply the rate.

    Args:
        network: its parameters are trained; those of rank 1 and 0 (biases, norms) have no weight decay.
        balancer_parameters: parameters of the balancer; they have no weight decay.
        plan: the settings of the training.
        lr: learning rate.
        weight_decay: of parameters of rank 2 and above.
    """
    factors = multipliers(network)
    members: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in [p for p in network.parameters() if p.requires_grad]:
        decay = weight_decay if parameter.ndim >= 2 else 0.0
        members.setdefault((factors.get(id(parameter), 1.0), decay), []).append(parameter)
    if balancer_parameters:
        members.setdefault((1.0, 0.0), []).extend(balancer_parameters)
    groups = [
        {"params": parameters, "weight_decay": decay, "lr": lr * multiplier, "multiplier": multiplier}
        for (multiplier, decay), parameters in members.items()
    ]
    if plan.optimizer == "sgd":
        # Fused SGD leaves its momentum uninitialised where a gradient scaler skips the first step (torch 2.13).
        momentum = without_compiler(torch.optim.SGD)
        return momentum(groups, lr=lr, momentum=0.9, nesterov=True, fused=plan.precision != "float16")
    optimizer = without_compiler(torch.optim.Adam if plan.optimizer == "adam" else torch.optim.AdamW)
    return optimizer(groups, lr=lr, betas=(0.9, plan.beta2), fused=True)


@cache
def without_compiler(optimizer: type[torch.optim.Optimizer]) -> type[Any]:
    """An optimiser of torch whose methods do not import torch's compiler, which takes a second or two.

    torch wraps these methods so that the compiler leaves them alone; here nothing is compiled.

    >>> issubclass(without_compiler(torch.optim.AdamW), torch.optim.AdamW)
    True
    """
    methods = {name: _unwrapped(getattr(optimizer, name)) for name in _WRAPPED}
    step = torch.no_grad()(_unwrapped(optimizer.step))
    return type(optimizer.__name__, (optimizer,), {**methods, "step": step})


_WRAPPED = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")


def _unwrapped(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


class LearningRates(Protocol):
    """A module with separate learning rates for its parameters, such as a pretrained encoder."""

    def learning_rates(self) -> Mapping[str, float]:
        """Parameter name within the module -> multiplier of the learning rate."""
        ...


def multipliers(network: nn.Module) -> dict[int, float]:
    """`id(parameter)` -> multiplier of its learning rate, for parameters of modules that set it (`LearningRates`)."""
    factors: dict[int, float] = {}
    for module in network.modules():
        module_rates: LearningRates | None = module if hasattr(module, "learning_rates") else None  # type: ignore[assignment]
        if module_rates is not None:
            parameters = dict(module.named_parameters())
            factors |= {id(parameters[name]): factor for name, factor in module_rates.learning_rates().items()}
    return factors


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Sets the learning rate of every group of parameters to `lr` times the group's multiplier."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["multiplier"]


def schedule_factor(schedule: str, progress: float) -> float:
    """The fraction of the highest learning rate at a point of the training.

    Source of one-cycle: Smith & Topin 2018, "Super-convergence".

    Args:
        schedule: as in `Training.schedule`.
        progress: 0 for the first step, 1 after the last.

    >>> [round(schedule_factor("one_cycle", p), 3) for p in (0, 0.3, 0.65, 1)]
    [0.04, 1.0, 0.5, 0.0]
    >>> schedule_factor("constant", 0.7)
    1.0
    """
    if schedule == "constant":
        return 1.0
    warmup, low = (0.3, 0.04) if schedule == "one_cycle" else (0.05, 0.01)
    if progress < warmup:
        return low + (1 - low) * (0.5 - 0.5 * cos(pi * (progress / warmup)))
    return 0.5 + 0.5 * cos(pi * min(1.0, (progress - warmup) / (1 - warmup)))


def clip_(gradients: list[Tensor], norm: float) -> None:
    """Scales gradients in place so that their joint norm is at most `norm`; never waits for the device.

    >>> g = [torch.tensor([3.0]), torch.tensor([4.0])]
    >>> clip_(g, 1.0); [round(float(x), 2) for x in g]
    [0.6, 0.8]
    """
    # torch.nn.utils.clip_grad_norm_ calls the same functions, but its overhead exceeds the cost of a small network.
    norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
    total = torch.linalg.vector_norm(torch.stack(norms))
    scale = (norm / (total + 1e-6)).clamp(max=1.0)
    torch._foreach_mul_(gradients, scale)  # pyright: ignore[reportPrivateImportUsage]
