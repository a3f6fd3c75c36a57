"""The choice of the stepper and its precision."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from medley.balance.balancer import Balancer
from medley.graph.network import Network
from medley.model.tasks import Task
from medley.nn.speed import has_bfloat16
from medley.train.eager import EagerStepper
from medley.train.plan import Training
from medley.train.stepper import Stepper
from medley.train.threads import MIN_FLOPS


def make_stepper(
    network: Network,
    tasks: Sequence[Task],
    balancer: Balancer,
    plan: Training,
    precision: torch.dtype | None,
) -> Stepper:
    """Creates the stepper of a plan.

    Only this function names classes of steppers: a new kind of step is a class beside `EagerStepper` and a condition
    here.

    Args:
        network: the network to train, on its device.
        tasks: its tasks, in the balancer's order.
        balancer: combines their losses, on the same device.
        plan: resolved.
        precision: data type of autocast, or None for no autocast (`autocast_dtype`).
    """
    return EagerStepper(network, tasks, balancer, plan, precision)


def autocast_dtype(precision: str, device: torch.device, flops: int = 0) -> torch.dtype | None:
    """The data type of autocast on a device; None for float32 without autocast.

    Args:
        precision: as in `Training.precision`.
        device: of the training.
        flops: floating-point operations of a forward pass; on a CPU, small networks do not benefit from bfloat16.

    >>> autocast_dtype("auto", torch.device("cpu")) is None, autocast_dtype("float16", torch.device("cpu"))
    (True, torch.float16)
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
        return torch.bfloat16 if device.type == "cpu" and flops >= MIN_FLOPS and has_bfloat16() else None
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
