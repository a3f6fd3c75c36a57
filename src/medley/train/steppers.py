"""The choice of the stepper and its precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from medley.nn.speed import has_bfloat16
from medley.train.compiled import CompiledStepper
from medley.train.eager import EagerStepper
from medley.train.plan import Training
from medley.train.stacked import Lane
from medley.train.stepper import Stepper
from medley.train.threads import MIN_FLOPS, ForwardCount

CALL_SECONDS, TENSOR_SECONDS, STEP_SECONDS = 12e-6, 30e-6, 4e-4
"""Time of an eager step besides its arithmetic: per function of the forward pass, per trained tensor, and per step.

Measured on one core of 2026 for networks of tables, texts and small images (`benchmarks/speed.py`)."""

FLOPS_PER_SECOND = 6e10
"""Floating-point operations per second of one thread, in products of usual sizes."""

SAVED = 0.65
"""Fraction of the time besides arithmetic that compiling saves."""

COMPILE_SECONDS, COMPILE_CALL_SECONDS = 12.0, 0.3
"""Time to compile a step for the first time: at least, and per function of the forward pass."""


@dataclass(frozen=True)
class Work:
    """What is left of a training, in numbers that do not depend on the load of the machine.

    Args:
        batch_size: rows per step.
        steps: number of steps.
        forward: what a forward pass of a batch computes.
        tensors: number of trained tensors.
        is_complete: whether every row has every input.
    """

    batch_size: int
    steps: int
    forward: ForwardCount
    tensors: int
    is_complete: bool = True

    def compile_pays(self, trainings: int = 1) -> bool:
        """Whether compiling a step saves more time than it takes.

        Args:
            trainings: number of trainings that use it.

        >>> forward = ForwardCount(flops=2_700_000, calls=23)
        >>> [Work(64, steps, forward, tensors=11).compile_pays() for steps in (10_000, 100_000)]
        [False, True]
        """
        overhead = STEP_SECONDS + CALL_SECONDS * self.forward.calls + TENSOR_SECONDS * self.tensors
        arithmetic = 3 * self.forward.flops / FLOPS_PER_SECOND  # the backward pass takes twice the forward pass
        if not self.is_complete or arithmetic > overhead:
            return False
        return trainings * self.steps * overhead * SAVED > COMPILE_SECONDS + COMPILE_CALL_SECONDS * self.forward.calls


def choose_stepper(eager: EagerStepper, plan: Training, work: Work) -> Stepper:
    """The stepper for the rest of a training.

    Only this function and `stepper_of_lane` choose between classes of steppers. `"auto"` takes compiled steps on a CPU
    where they pay, by counting: measured times would depend on what else the machine does, and the same seed must give
    the same bits.

    Args:
        eager: with the present state of the training.
        plan: names the stepper.
        work: what is to be computed.
    """
    if plan.stepper == "eager" or (plan.stepper == "auto" and not (eager.device == "cpu" and work.compile_pays())):
        return eager
    return CompiledStepper(eager, work.batch_size)


def stepper_of_lane(lane: Lane, trainings: int) -> Callable[[EagerStepper, Training, Work], Stepper]:
    """`choose_stepper` for a training in a lane: steps are computed together where compiling pays for all trainings.

    Args:
        lane: of the training.
        trainings: number of trainings that use the program, at the same time or one after the other.
    """

    def choose(eager: EagerStepper, plan: Training, work: Work) -> Stepper:
        pays = work.compile_pays(trainings) if plan.stepper == "auto" else plan.stepper == "compiled"
        return lane.stepper(eager, work.batch_size) if pays and eager.device == "cpu" else eager

    return choose


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
