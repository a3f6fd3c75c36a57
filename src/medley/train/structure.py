"""What networks must have in common so that their steps can be computed as one program."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields

from torch import nn

from medley.balance.balancer import ScalarBalancer
from medley.train.eager import EagerStepper

MAX_FROZEN = 1_000_000
"""Maximum number of frozen weights, which each lane would hold a copy of."""

LANE_NUMBERS = ("dropout", "loss_weight")
"""Fields of heads in which lanes may differ."""


def structure_of(eager: EagerStepper) -> Hashable:
    """All that a step depends on besides tensors, rates, loss weights, and probabilities of `nn.Dropout`.

    Returns:
        Equal values for networks that can be trained together; None for one that can only be trained alone.
    """
    plan, network = eager.plan, eager.network
    frozen = sum(parameter.numel() for parameter in network.parameters() if not parameter.requires_grad)
    if frozen > MAX_FROZEN or eager.device != "cpu":
        return None
    modules = [
        (name, type(module).__qualname__, tuple(sorted(_settings(module).items())))
        for part in (network, eager.balancer)
        for name, module in part.named_modules()
    ]
    tensors = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
    tasks = [
        (
            task.name,
            [
                (field.name, repr(getattr(task.head, field.name)))
                for field in fields(task.head)
                if field.name not in LANE_NUMBERS
            ],
        )
        for task in eager.tasks
    ]
    fixed = (plan.optimizer, plan.beta2, plan.clip, bool(plan.average), eager.precision, len(eager.parameters))
    return repr((modules, tensors, tasks, fixed))


def _settings(module: nn.Module) -> dict[str, str]:
    """The values of a module that are not tensors and change what it computes."""
    per_lane = "p" if type(module) is nn.Dropout else "loss_weights" if isinstance(module, ScalarBalancer) else ""
    return {
        name: repr(value)
        for name, value in vars(module).items()
        if isinstance(value, bool | int | float | str | tuple | None) and name != per_lane
    }
