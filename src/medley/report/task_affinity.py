"""Affinity of tasks: whether training for one helps another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from medley.core.arguments import check_whole_number
from medley.core.batch import Rows
from medley.core.registry import register
from medley.errors import ConfigError, DataError, ErrorCollector
from medley.graph.network import Network
from medley.heads.masked import task_loss
from medley.model.affinity import TaskAffinity
from medley.model.forward import compute_outputs
from medley.model.tasks import Task
from medley.report.importance import labelled_rows

if TYPE_CHECKING:
    from medley.model.model import Model

BATCH_SIZE = 128
STEP = 0.02
"""Length of a step, as a fraction of the length of the weights; halved until the step lowers its own task's loss."""

HALVINGS = 8

Gradients = dict[str, Tensor]
"""Name of a weight, without the head that a copy belongs to -> gradient."""


@register("report.task_affinity")
def task_affinity(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    max_rows: int | None = 1000,
    sample_weight: Any = None,
    root: str | Path | None = None,
    seed: int = 0,
) -> TaskAffinity:
    """Measures affinity; see `Model.task_affinity`."""
    errors = ErrorCollector()
    check_whole_number(errors, max_rows, "max_rows")
    errors.raise_if_any(ConfigError)
    columns, labels = labelled_rows(model, x, y, sample_weight, root)
    tasks = [task for task in labels.tasks if labels.losses[task.name].present.any()]
    if len(tasks) < 2:
        listed = ", ".join(task.name for task in tasks) or "none"
        raise DataError(f"Affinity is that of two or more tasks with labels; the rows have labels of {listed}.")
    rows = Rows(columns.sources, labels.targets, labels.weight, model.device, loss_targets=labels.losses)
    order = np.random.default_rng(seed).permutation(rows.size)[:max_rows]
    halves = [torch.from_numpy(np.sort(half)) for half in np.array_split(order, 2)]
    steps = _TaskSteps(model.network, rows, tasks)
    gradients = [steps.gradients(half) for half in halves]
    names = tuple(task.name for task in tasks)
    cosine, shared = _compare([_sum(gradients, name) for name in names])
    gains = [
        _gains(steps, part, half, other) for part, half, other in zip(gradients, halves, reversed(halves), strict=True)
    ]
    gain = np.where(shared > 0, np.mean(gains, axis=0), np.nan)
    return TaskAffinity(names, cosine, gain, shared, len(order))


def _compare(gradients: Sequence[Gradients]) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (K, K) of the gradients of K tasks, and numbers (K, K) of the weights that they share."""
    size = len(gradients)
    cosine, shared = np.eye(size), np.zeros((size, size))
    for i, first in enumerate(gradients):
        for j, second in enumerate(gradients):
            names = [name for name in first if name in second]
            shared[i, j] = sum(first[name].numel() for name in names)
            if i != j:
                parts = ({name: part[name] for name in names} for part in (first, second))
                cosine[i, j] = _cosine(*parts) if names else np.nan
    return cosine, shared


def _gains(steps: _TaskSteps, gradients: Mapping[str, Gradients], half: Tensor, other: Tensor) -> np.ndarray:
    """Fractions (K, K) of each task's loss on other rows that a step for each task, by half of the rows, saves."""
    before = steps.losses(other)
    gains = []
    for task in steps.tasks:
        after = steps.losses_after(task, gradients[task.name], half, other)
        gains.append([1 - after[name] / loss if loss else 0.0 for name, loss in before.items()])
    return np.array(gains)


class _TaskSteps:
    """Gradients of each task's loss, and losses after a step along them, in a copy of a network.

    A model may hold a copy of a part for a head, as each task keeps the weights of its best epoch. Copies of one part
    count as the same weights here: they were, until they were kept.
    """

    def __init__(self, network: Network, rows: Rows, tasks: Sequence[Task]) -> None:
        self.network, self.rows, self.tasks = deepcopy(network).eval(), rows, tasks
        for parameter in self.network.parameters():
            parameter.requires_grad_(True)
        for step in self.network.steps:
            if step.is_frozen:
                step.module.requires_grad_(False)
        suffixes = [f" ({step.name})".replace("%", "%25").replace(".", "%2E") for step in network.heads]
        self.parameters = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        self.names = {name: _without_owner(name, suffixes) for name in self.parameters}

    def gradients(self, index: Tensor) -> dict[str, Gradients]:
        """Task -> gradients of its mean loss over some rows."""
        gradients: dict[str, Gradients] = {task.name: {} for task in self.tasks}
        parameters = list(self.parameters.values())
        with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers have no gradients in evaluation mode
            for places in index.split(BATCH_SIZE):
                raw = self.network(self.rows.take(places))
                for task in self.tasks:
                    loss = self._loss(task, raw[task.name], places) * len(places) / len(index)
                    if not loss.requires_grad:
                        continue
                    by_parameter = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
                    by_name = gradients[task.name]
                    for name, gradient in zip(self.names.values(), by_parameter, strict=True):
                        if gradient is not None:
                            by_name[name] = by_name[name] + gradient if name in by_name else gradient
        return gradients

    def losses(self, index: Tensor) -> dict[str, float]:
        """Task -> mean loss over some rows."""
        raw = compute_outputs(self.network, self.rows, BATCH_SIZE, index)
        return {task.name: float(self._loss(task, raw[task.name], index)) for task in self.tasks}

    def losses_after(self, task: Task, gradients: Gradients, index: Tensor, others: Tensor) -> dict[str, float]:
        """Task -> mean loss over `others` after a step for one task, whose gradients are those over `index`."""
        moved = {name: p for name, p in self.parameters.items() if self.names[name] in gradients}
        before = {name: parameter.detach().clone() for name, parameter in moved.items()}
        length = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
        size = torch.stack([parameter.norm() for parameter in before.values()]).norm()
        if not float(length):
            return self.losses(others)
        scale = STEP * float(size) / float(length)
        own = self.losses(index)[task.name]
        try:
            for _ in range(HALVINGS):
                with torch.no_grad():
                    for name, parameter in moved.items():
                        parameter.copy_(before[name] - scale * gradients[self.names[name]])
                if self.losses(index)[task.name] < own:
                    break
                scale /= 2
            return self.losses(others)
        finally:
            with torch.no_grad():
                for name, parameter in moved.items():
                    parameter.copy_(before[name])

    def _loss(self, task: Task, raw: Tensor, index: Tensor) -> Tensor:
        places = index.to(self.rows.device)
        observed, weight = self.rows.loss_observed[task.name], self.rows.weights.get(task.name)
        return task_loss(
            task.loss,
            raw,
            self.rows.loss_targets[task.name].index_select(0, places),
            None if observed is None else observed.index_select(0, places),
            None if weight is None else weight.index_select(0, places),
        )


def _without_owner(name: str, suffixes: Sequence[str]) -> str:
    """The name of a weight without the head that its part is a copy for: "parts.dense (price).weight"."""
    root, part, rest = name.split(".", 2)
    suffix = next((suffix for suffix in suffixes if part.endswith(suffix)), "")
    return f"{root}.{part.removesuffix(suffix)}.{rest}"


def _sum(gradients: Sequence[Mapping[str, Gradients]], task: str) -> Gradients:
    """The gradients of a task over both halves of the rows, up to a factor."""
    first, second = (half[task] for half in gradients)
    return {name: gradient + second[name] for name, gradient in first.items()}


def _cosine(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    dot = sum(float((first[name] * second[name]).sum()) for name in first)
    lengths = [np.sqrt(sum(float(gradient.square().sum()) for gradient in part.values())) for part in (first, second)]
    return dot / (lengths[0] * lengths[1]) if min(lengths) > 0 else float("nan")
