"""Steppers: one step of training over one batch of tensors. The loop knows no more of how a step is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from medley.balance.balancer import Balancer
from medley.core.batch import Batch
from medley.graph.network import Network
from medley.heads.masked import mean_of_members, task_loss
from medley.model.tasks import Task
from medley.train.optim import clip_, factor, make_optimizer
from medley.train.plan import Training


@dataclass
class StepOutput:
    """What a step leaves behind, on the device; nobody waits for it before the epoch ends.

    Args:
        raw: head name -> raw outputs (B, K), detached.
    """

    raw: dict[str, Tensor]


class Stepper(ABC):
    """Trains a network by one batch at a time."""

    learning_rate: float

    @abstractmethod
    def step(self, batch: Batch, progress: float) -> StepOutput:
        """Forward, balance, backward, update.

        Args:
            batch: B rows with targets.
            progress: share of the training that is done, for the schedule.
        """

    @abstractmethod
    def end_epoch(self) -> None:
        """Tells that all rows were seen once more."""


class EagerStepper(Stepper):
    """One step after the other in plain PyTorch.

    Args:
        network: what is trained.
        tasks: its heads, in the balancer's order.
        balancer: losses -> `.grad`.
        plan: resolved; learning_rate and weight_decay are numbers.
        precision: the dtype of autocast, or None for none.
    """

    def __init__(
        self,
        network: Network,
        tasks: Sequence[Task],
        balancer: Balancer,
        plan: Training,
        precision: torch.dtype | None,
    ) -> None:
        self.network = network
        self.tasks = list(tasks)
        self.balancer = balancer
        self.plan = plan
        self.precision = precision
        self.peak = float(plan.learning_rate)  # type: ignore[arg-type]
        self.learning_rate = self.peak
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        own = list(balancer.parameters())
        self.optimizer = make_optimizer(network, own, plan, self.peak, float(plan.weight_decay))  # type: ignore[arg-type]
        self.device = next(iter(network.parameters())).device.type
        # float16 gradients vanish unless losses are scaled up; bfloat16 has float32's range and needs none of it.
        self.scaler = torch.amp.GradScaler(self.device) if precision is torch.float16 else None

    def step(self, batch: Batch, progress: float) -> StepOutput:
        """As `Stepper.step`."""
        self._schedule(progress)
        if self.precision is None:
            raw = self.network(batch)
        else:
            with torch.autocast(self.device, self.precision):
                raw = self.network(batch)
        losses = [
            task_loss(t.loss, raw[t.name], batch.targets[t.name], batch.observed[t.name], batch.weight)
            for t in self.tasks
        ]
        self._update(losses)
        return StepOutput({name: mean_of_members(one.detach()) for name, one in raw.items()})

    def _schedule(self, progress: float) -> None:
        if self.plan.schedule == "constant":
            return
        self.learning_rate = self.peak * factor(self.plan.schedule, progress)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * group["share"]

    def _update(self, losses: list[Tensor]) -> None:
        scaler = self.scaler
        scale = None if scaler is None else scaler.scale(torch.ones((), device=self.device))
        self.balancer.backward(losses, self.parameters, scale)
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        if self.plan.clip:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            if gradients:
                clip_(gradients, self.plan.clip)
        if scaler is None:
            self.optimizer.step()
        else:
            scaler.step(self.optimizer)
            scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def end_epoch(self) -> None:
        """As `Stepper.end_epoch`."""
        self.balancer.end_epoch()
