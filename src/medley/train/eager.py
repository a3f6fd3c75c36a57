"""The stepper that runs in plain PyTorch, without compilation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from medley.balance.balancer import Balancer
from medley.core.batch import Batch
from medley.errors import ArtifactError
from medley.graph.network import Network
from medley.heads.masked import mean_of_members, task_loss
from medley.model.tasks import Task
from medley.train.optim import clip_, make_optimizer, schedule_factor, set_learning_rate
from medley.train.plan import Training
from medley.train.state import StepperState, add_prefix, copy_to_cpu, select_prefix
from medley.train.stepper import StepOutput, Stepper


class EagerStepper(Stepper):
    """Runs every step in plain PyTorch.

    Args:
        network: the network to train.
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
        balancer_parameters = list(balancer.parameters())
        self.optimizer = make_optimizer(network, balancer_parameters, plan, self.peak, float(plan.weight_decay))  # type: ignore[arg-type]
        self.average = [p.detach().clone() for p in self.parameters] if plan.average else []
        self.steps = 0
        self.device = next(iter(network.parameters())).device.type
        # float16 gradients underflow unless losses are scaled; bfloat16 has the range of float32.
        self.scaler = torch.amp.GradScaler(self.device) if precision is torch.float16 else None

    def step(self, batch: Batch, progress: float) -> StepOutput:
        self._schedule(progress)
        if self.precision is None:
            raw = self.network(batch)
        else:
            with torch.autocast(self.device, self.precision):
                raw = self.network(batch)
        w = batch.weights
        losses = [
            task_loss(t.loss, raw[t.name], batch.targets[t.name], batch.observed[t.name], w.get(t.name), batch.folds)
            for t in self.tasks
        ]
        self._update(losses)
        return StepOutput({name: mean_of_members(output.detach()) for name, output in raw.items()})

    def _schedule(self, progress: float) -> None:
        if self.plan.schedule == "constant":
            return
        self.learning_rate = self.peak * schedule_factor(self.plan.schedule, progress)
        set_learning_rate(self.optimizer, self.learning_rate)

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
        self.steps += 1
        if self.average:
            # A lower decay at first, so that the average does not contain the initial weights.
            decay = min(self.plan.average, (1 + self.steps) / (10 + self.steps))
            torch._foreach_lerp_(self.average, [p.data for p in self.parameters], 1 - decay)  # pyright: ignore

    @contextmanager
    def averaged(self) -> Iterator[None]:
        if not self.average:
            yield
            return
        parameters = [p.data for p in self.parameters]
        current = [p.clone() for p in parameters]
        torch._foreach_copy_(parameters, self.average)  # pyright: ignore
        try:
            yield
        finally:
            torch._foreach_copy_(parameters, current)  # pyright: ignore

    def end_epoch(self) -> None:
        self.balancer.end_epoch()

    def state(self) -> StepperState:
        moments = {
            f"{index}/{name}": value
            for index, values in self.optimizer.state_dict()["state"].items()
            for name, value in values.items()
            if isinstance(value, Tensor)  # SGD has no momentum before its first step
        }
        tensors = {
            **add_prefix("network", self.network.trained_state()),
            **add_prefix("balancer", self.balancer.state()),
            **add_prefix("optimizer", moments),
            **add_prefix("average", {str(index): average for index, average in enumerate(self.average)}),
        }
        scaler = None if self.scaler is None else self.scaler.state_dict()
        return StepperState(
            copy_to_cpu(tensors), {"learning_rate": self.learning_rate, "scaler": scaler, "steps": self.steps}
        )

    def restore(self, state: StepperState) -> None:
        weights, expected = select_prefix("network", state.tensors), self.network.trained_state()
        if weights.keys() != expected.keys():
            names = sorted(weights.keys() ^ expected.keys())
            raise ArtifactError(f"The training state belongs to another network: only one of both has {names[0]!r}.")
        try:
            self.network.load_state_dict(weights, strict=False)  # frozen parts are not in it
            self.balancer.restore(select_prefix("balancer", state.tensors))
            self._restore_optimizer(select_prefix("optimizer", state.tensors))
        except (RuntimeError, IndexError) as error:
            raise ArtifactError(
                f"The training state belongs to another network, balancer or optimiser: {error}"
            ) from error
        scaler = state.values["scaler"]
        if (scaler is None) != (self.scaler is None):
            raise ArtifactError("The training state has another precision: only float16 scales losses.")
        if self.scaler is not None:
            self.scaler.load_state_dict(scaler)
        for index, average in select_prefix("average", state.tensors).items():
            self.average[int(index)].copy_(average)
        self.learning_rate, self.steps = state.values["learning_rate"], state.values["steps"]
        set_learning_rate(self.optimizer, self.learning_rate)

    def _restore_optimizer(self, moments: Mapping[str, Tensor]) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in moments.items():
            index, _, name = key.partition("/")
            parameter = parameters[int(index)]
            # A copy, since the optimiser changes it in place, with the memory layout of the parameter.
            copy = torch.empty_like(parameter, dtype=value.dtype).copy_(value) if value.ndim else value.clone()
            states.setdefault(int(index), {})[name] = copy
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states})
