"""Jacobian descent: gradients of shared parameters, one per task, combined by one of torchjd's aggregators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn

from medley.balance.aggregators import AGGREGATORS, aggregator_state, make_aggregator, restore_aggregator
from medley.balance.balancer import Balancer
from medley.core.registry import register
from medley.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator

TaskGradients = dict[int, tuple[Tensor | None, ...]]  # task -> its gradient for each parameter, or None
_STATE_PREFIX = "memory."


@final
@register("balance.jacobian")
class JacobianDescent(Balancer):
    """Combines the tasks' gradients instead of their losses, to avoid conflicts between tasks.

    A parameter that only one task uses gets that task's gradient. Parameters that the same two or more tasks use form a
    group: their Jacobian, one row per task, is combined by the aggregator (so that a task that shares nothing with the
    others adds no zero row, which would stop MGDA, for example). A task that is absent from a batch has no row. Methods
    with running averages keep them per set of tasks. Needs one backward pass per task and a device synchronisation.

    By name: `"pcgrad"` (Yu et al. 2020), `"gradvac"` (Wang et al. 2021), `"graddrop"` (Chen et al. 2020),
    `"mgda"` (Desideri 2012; Sener & Koltun 2018), `"imtl_g"` (Liu et al. 2021), `"aligned_mtl"` (Senushkin et
    al. 2023), `"config"` (Liu et al. 2024), `"fairgrad"` (Ban & Ji 2024), `"excess_mtl"` (He et al. 2024),
    `"pcd"` (the first task is the primary one), `"krum"` (Blanchard et al. 2017), `"trimmed_mean"` (Yin et
    al. 2018; both need three tasks, and average if a batch has fewer). `"upgrad"`, `"dualproj"` (Quinton &
    Rey 2024), `"cagrad"` (Liu et al. 2021) and `"nash_mtl"` (Navon et al. 2022) need an optional package that
    their error names.

    The hooks of `DistributedDataParallel` are not called: reduce `.grad` after `backward` yourself.

    Args:
        method: one of `AGGREGATORS`.
        weights: K weights.
        options: settings that override the defaults, by their names in torchjd.

    Raises:
        ConfigError: the method or a setting is unknown, or there are too few tasks for it.
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
        make_aggregator(method, self.options, tasks)  # so that it fails here rather than at the first batch
        self._min_tasks = AGGREGATORS[method].min_tasks(self.options)
        if 1 < tasks < self._min_tasks:
            raise ConfigError(f"{method!r} needs at least {self._min_tasks} tasks, got {tasks}.")
        # Keyed by the tasks that share the parameters; no ModuleDict, because torchjd's state must not move with `.to`.
        self._aggregators: dict[tuple[int, ...], Aggregator] = {}

    def backward(
        self, losses: Sequence[Tensor], parameters: Sequence[nn.Parameter], scale: Tensor | None = None
    ) -> Tensor:
        trained = [p for p in parameters if p.requires_grad]
        values = torch.stack([loss.detach() for loss in losses]) * self.weights
        present = [k for k, value in enumerate(values.tolist()) if value != 0 and losses[k].requires_grad]
        grad_outputs = self.weights if scale is None else self.weights * scale
        rows: TaskGradients = {
            k: torch.autograd.grad(
                losses[k], trained, grad_outputs[k].to(losses[k]), retain_graph=k != present[-1], allow_unused=True
            )
            for k in present
        }
        groups: dict[tuple[int, ...], list[int]] = {}
        for i in range(len(trained)):
            groups.setdefault(tuple(k for k in present if rows[k][i] is not None), []).append(i)
        for tasks, members in groups.items():
            if tasks:
                _add_gradient([trained[i] for i in members], self._direction(tasks, members, rows, scale))
        return values.sum()

    @torch.no_grad()
    def _direction(
        self, tasks: tuple[int, ...], members: list[int], rows: TaskGradients, scale: Tensor | None
    ) -> Tensor:
        """The combined gradient (P,) of the P numbers in the parameters of a group."""
        jacobian = torch.stack([torch.cat([_flatten(rows[k][i]) for i in members]) for k in tasks])
        if len(tasks) == 1:
            return jacobian[0]
        if len(tasks) < self._min_tasks:
            return jacobian.mean(0)
        if not jacobian.isfinite().all():
            return jacobian.sum(0)  # solvers raise on these; the training loop must see them and skip the step
        if scale is None:
            return self._aggregator(tasks)(jacobian)
        # Not every method is linear in the scale of its rows, so it gets the unscaled ones.
        return self._aggregator(tasks)(jacobian / scale) * scale

    def _aggregator(self, tasks: tuple[int, ...]) -> Aggregator:
        if tasks not in self._aggregators:
            self._aggregators[tasks] = make_aggregator(self.name, self.options, len(tasks))
        return self._aggregators[tasks]

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:  # noqa: FBT001
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for tasks, aggregator in self._aggregators.items():
            path = f"{prefix}{_STATE_PREFIX}{'-'.join(map(str, tasks))}."
            destination.update({path + name: value for name, value in aggregator_state(self.name, aggregator).items()})

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
        start = prefix + _STATE_PREFIX
        states: dict[tuple[int, ...], dict[str, Tensor]] = {}
        for key in [key for key in state_dict if key.startswith(start)]:
            tasks, _, name = key.removeprefix(start).partition(".")
            states.setdefault(tuple(map(int, tasks.split("-"))), {})[name] = state_dict.pop(key)
        self._aggregators = {tasks: make_aggregator(self.name, self.options, len(tasks)) for tasks in states}
        for tasks, state in states.items():
            restore_aggregator(self.name, self._aggregators[tasks], state, self.weights.device)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


def _flatten(gradient: Tensor | None) -> Tensor:
    assert gradient is not None  # a group contains only parameters that all of its tasks use
    return gradient.reshape(-1)


def _add_gradient(parameters: Sequence[nn.Parameter], direction: Tensor) -> None:
    parts = direction.split([p.numel() for p in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        gradient = part.reshape(parameter.shape).to(parameter.dtype)
        if parameter.grad is None:
            parameter.grad = gradient
        else:
            parameter.grad += gradient
