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
from medley.heads.masked import mean_of_members
from medley.model.device_memory import free_memory, is_out_of_memory
from medley.model.tasks import Task
from medley.train.memory import MIN_PIECE, fraction, split
from medley.train.optim import clip_, make_optimizer, schedule_factor, set_learning_rate
from medley.train.plan import Training
from medley.train.state import StepperState, add_prefix, copy_to_cpu, select_prefix
from medley.train.step_losses import outputs_and_losses
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
        self.decay = float(plan.weight_decay)  # type: ignore[arg-type]
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        self.device = next(iter(network.parameters())).device.type
        self._balancer_start = balancer.state()
        self._begin()

    def step(self, batch: Batch, progress: float) -> StepOutput:
        self.schedule(progress)
        while (raw := self._gradients(batch)) is None:
            self.pieces *= 2
            self.optimizer.zero_grad(set_to_none=True)
            free_memory(self.device)
        self.update()
        return StepOutput(raw)

    def _gradients(self, batch: Batch) -> dict[str, Tensor] | None:
        """Adds the gradients of a batch, piece by piece; its raw outputs, or None where it needs smaller pieces."""
        raw: dict[str, list[Tensor]] = {}
        pieces = [batch] if self.pieces == 1 else split(batch, self.pieces)
        try:
            for piece in pieces:
                shares = None if len(pieces) == 1 else [fraction(piece, batch, task.name) for task in self.tasks]
                for name, output in self._backward(piece, shares).items():
                    raw.setdefault(name, []).append(output)
        except RuntimeError as error:
            if not is_out_of_memory(error) or batch.size < 2 * MIN_PIECE * self.pieces:
                raise
            return None
        return {name: outputs[0] if len(outputs) == 1 else torch.cat(outputs) for name, outputs in raw.items()}

    def _backward(self, batch: Batch, shares: Sequence[Tensor | float] | None) -> dict[str, Tensor]:
        raw, losses = outputs_and_losses(self.network, self.tasks, batch, self.precision)
        if shares is not None:
            losses = [loss * share for loss, share in zip(losses, shares, strict=True)]
        scale = None if self.scaler is None else self.scaler.scale(torch.ones((), device=self.device))
        self.balancer.backward(losses, self.parameters, scale)
        return {name: mean_of_members(output.detach()) for name, output in raw.items()}

    def schedule(self, progress: float) -> None:
        """Sets the learning rate for a point of the training."""
        if self.plan.schedule == "constant":
            return
        self.learning_rate = self.peak * schedule_factor(self.plan.schedule, progress)
        set_learning_rate(self.optimizer, self.learning_rate)

    def restart(self, factor: float) -> None:
        self.balancer.restore(self._balancer_start)
        self.peak *= factor
        self.learning_rate *= factor
        self._begin()
        self.is_restarted = True

    def _begin(self) -> None:
        learned = list(self.balancer.parameters())
        self.optimizer = make_optimizer(self.network, learned, self.plan, self.peak, self.decay)
        self.average = [p.detach().clone() for p in self.parameters] if self.plan.average else []
        self.steps = 0
        # float16 gradients vanish unless losses are scaled up; bfloat16 has float32's range and needs no scaling.
        self.scaler = torch.amp.GradScaler(self.device) if self.precision is torch.float16 else None

    def update(self) -> None:
        """Updates the weights by the gradients, and removes these."""
        scaler = self.scaler
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
            torch._foreach_lerp_(self.average, [p.data for p in self.parameters], self.average_rate())  # pyright: ignore

    def average_rate(self) -> float:
        """How far the moving average moves towards the weights after the last step.

        Further in the first steps, so that it does not contain the initial weights.
        """
        return 1 - min(self.plan.average, (1 + self.steps) / (10 + self.steps))

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
        values = {"learning_rate": self.learning_rate, "peak": self.peak, "scaler": scaler, "steps": self.steps}
        return StepperState(copy_to_cpu(tensors), {**values, "pieces": self.pieces, "is_restarted": self.is_restarted})

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
        self.peak, self.pieces = state.values["peak"], state.values["pieces"]
        self.is_restarted = state.values["is_restarted"]
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
