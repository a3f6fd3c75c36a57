"""Choosing the stepper of a training."""

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
    """The stepper that trains a network as its plan says.

    This is the only place that names a class of steppers: another way of doing a step is a class beside `EagerStepper`
    and a condition here.

    Args:
        network: the network to train, on its device.
        tasks: its heads, in the balancer's order.
        balancer: losses -> `.grad`, on the same device.
        plan: resolved.
        precision: the dtype of autocast, or None for none (`autocast_dtype`).
    """
    return EagerStepper(network, tasks, balancer, plan, precision)


def autocast_dtype(precision: str, device: torch.device, flops: int = 0) -> torch.dtype | None:
    """The dtype of autocast for `Training.precision` on a device; None where everything is float32.

    Args:
        precision: as declared.
        device: of the training.
        flops: of a forward pass over a batch; on a CPU, small networks gain nothing from a narrower type.

    >>> autocast_dtype("auto", torch.device("cpu")) is None, autocast_dtype("float16", torch.device("cpu"))
    (True, torch.float16)
    """
    if precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
        return torch.bfloat16 if device.type == "cpu" and flops >= MIN_FLOPS and has_bfloat16() else None
    return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
