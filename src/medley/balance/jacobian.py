"""Jacobian descent: one gradient per task for what tasks share, combined by one of torchjd's aggregators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from medley.balance.aggregators import AGGREGATORS, make, recall, remembered
from medley.balance.balancer import Balancer
from medley.core.registry import register
from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator

Rows = dict[int, tuple[Tensor | None, ...]]  # task -> its gradient of every parameter, None where it has none
_MEMORY = "memory."


@final
@register("balance.jacobian")
class JacobianDescent(Balancer):
    """Combines the tasks' gradients instead of their losses, so that no task is trained against another.

    A parameter that one task reaches gets that task's own gradient. Parameters that the same two or more
    tasks reach form one group: their Jacobian, a row per task, goes through the aggregator (so a task that
    shares nothing with the others adds no zero row, which would stop e.g. MGDA). A task that is absent from a
    batch has no row. Methods that keep running averages keep them per set of tasks. Costs one backward pass
    per task, and waits for the device.

    By name: `"pcgrad"` (Yu et al. 2020), `"gradvac"` (Wang et al. 2021), `"graddrop"` (Chen et al. 2020),
    `"mgda"` (Desideri 2012; Sener & Koltun 2018), `"imtl_g"` (Liu et al. 2021), `"aligned_mtl"` (Senushkin et
    al. 2023), `"config"` (Liu et al. 2024), `"fairgrad"` (Ban & Ji 2024), `"excess_mtl"` (He et al. 2024),
    `"pcd"` (the first task is the primary one), `"krum"` (Blanchard et al. 2017), `"trimmed_mean"` (Yin et
    al. 2018; both need three tasks, and average where a batch has fewer). `"upgrad"`, `"dualproj"` (Quinton &
    Rey 2024), `"cagrad"` (Liu et al. 2021) and `"nash_mtl"` (Navon et al. 2022) need an extra that their
    error names.

    Gradients do not pass the hooks of `DistributedDataParallel`: reduce `.grad` after `backward` there.

    Args:
        method: one of `AGGREGATORS`.
        weights: K weights.
        options: settings of the method other than the defaults, by torchjd's names.

    Raises:
        ConfigError: no such method or setting, or too few tasks for it.
        MissingDependencyError: the method's solver is not installed.

    >>> w = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    >>> JacobianDescent("pcgrad", [1, 1]).backward([w[0] * 2, 3 - w[0] + w[1]], [w])
    tensor(5.)
    >>> w.grad  # rows [2, 0] and [-1, 1] conflict: [1, 1] + [0, 1] is left
    tensor([1., 2.])
    """

    def __init__(self, method: str, weights: Sequence[float], options: Mapping[str, Any] | None = None) -> None:
        if method not in AGGREGATORS:
            raise ConfigError(f"There is no aggregator {method!r}.{did_you_mean(method, AGGREGATORS)}")
        super().__init__(method, weights, {**AGGREGATORS[method].options, **(options or {})})
        tasks = len(self.loss_weights)
        make(method, self.options, tasks)  # fails here rather than at the first batch
        self._fewest = AGGREGATORS[method].fewest(self.options)
        if 1 < tasks < self._fewest:
            raise ConfigError(f"{method!r} needs at least {self._fewest} tasks to choose from, got {tasks}.")
        # By the tasks that share the parameters. In a dict, because torchjd's state must not move with `.to`.
        self._aggregators: dict[tuple[int, ...], Aggregator] = {}

    def backward(
        self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter], scale: Tensor | None = None
    ) -> Tensor:
        trained = [p for p in parameters if p.requires_grad]
        values = torch.stack([loss.detach() for loss in losses]) * self.weights
        present = [k for k, value in enumerate(values.tolist()) if value != 0 and losses[k].requires_grad]
        seeds = self.weights if scale is None else self.weights * scale
        rows: Rows = {
            k: torch.autograd.grad(
                losses[k], trained, seeds[k].to(losses[k]), retain_graph=k != present[-1], allow_unused=True
            )
            for k in present
        }
        groups: dict[tuple[int, ...], list[int]] = {}
        for i in range(len(trained)):
            groups.setdefault(tuple(k for k in present if rows[k][i] is not None), []).append(i)
        for tasks, members in groups.items():
            if tasks:
                _add([trained[i] for i in members], self._direction(tasks, members, rows, scale))
        return values.sum()

    @torch.no_grad()
    def _direction(self, tasks: tuple[int, ...], members: list[int], rows: Rows, scale: Tensor | None) -> Tensor:
        """The gradient (P,) of the P numbers in a group's parameters."""
        jacobian = torch.stack([torch.cat([_row(rows[k][i]) for i in members]) for k in tasks])
        if len(tasks) == 1:
            return jacobian[0]
        if len(tasks) < self._fewest:
            return jacobian.mean(0)
        if not jacobian.isfinite().all():
            return jacobian.sum(0)  # solvers raise on these; whoever steps must see them and skip the step
        if scale is None:
            return self._aggregator(tasks)(jacobian)
        # Not every method is linear in the size of its rows: it must see them as they are without the scale.
        return self._aggregator(tasks)(jacobian / scale) * scale

    def _aggregator(self, tasks: tuple[int, ...]) -> Aggregator:
        if tasks not in self._aggregators:
            self._aggregators[tasks] = make(self.name, self.options, len(tasks))
        return self._aggregators[tasks]

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:  # noqa: FBT001
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for tasks, aggregator in self._aggregators.items():
            path = f"{prefix}{_MEMORY}{'-'.join(map(str, tasks))}."
            destination.update({path + name: value for name, value in remembered(self.name, aggregator).items()})

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,  # noqa: FBT001 - torch's signature
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        start = prefix + _MEMORY
        states: dict[tuple[int, ...], dict[str, Tensor]] = {}
        for key in [key for key in state_dict if key.startswith(start)]:
            tasks, _, name = key.removeprefix(start).partition(".")
            states.setdefault(tuple(map(int, tasks.split("-"))), {})[name] = state_dict.pop(key)
        self._aggregators = {tasks: make(self.name, self.options, len(tasks)) for tasks in states}
        for tasks, state in states.items():
            recall(self.name, self._aggregators[tasks], state, self.weights.device)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def _row(gradient: Tensor | None) -> Tensor:
    assert gradient is not None  # a group holds only parameters that all of its tasks reach
    return gradient.reshape(-1)


def _add(parameters: Sequence[nn.Parameter], direction: Tensor) -> None:
    parts = direction.split([p.numel() for p in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        gradient = part.reshape(parameter.shape).to(parameter.dtype)
        if parameter.grad is None:
            parameter.grad = gradient
        else:
            parameter.grad += gradient
