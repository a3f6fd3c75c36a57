"""A task: a head with its fitted target codec, as training and evaluation use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.core.codec import TargetCodec
from medley.core.head import Head
from medley.core.metric import Metric, RowMetric, SetMetric
from medley.graph.graph import Graph
from medley.heads.masked import metric_mean, task_loss


@dataclass(frozen=True)
class Task:
    """One target.

    Args:
        name: the head's name.
        head: its declaration.
        codec: its fitted target codec.
        loss: raw (B, K), target (B, ...) -> (B,).
        metrics: by name.
    """

    name: str
    head: Head
    codec: TargetCodec
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: Mapping[str, Metric]


def tasks_of(graph: Graph, targets: Mapping[str, TargetCodec]) -> list[Task]:
    """The tasks of a graph's heads, in order."""
    return [
        Task(name, head, targets[name], head.loss_function(targets[name]), head.metric_functions(targets[name]))
        for name, head in graph.heads.items()
    ]


def measure(
    tasks: Sequence[Task],
    raw: Mapping[str, Tensor],
    rows: Rows,
    weights: Mapping[str, float],
    index: Tensor | None = None,
    *,
    rows_only: bool = False,
) -> dict[str, float]:
    """Losses and metrics under Keras's names: `loss`, and with several heads `<head>_loss`, `<head>_<metric>`.

    Args:
        tasks: the heads to measure.
        raw: head name -> raw outputs (N, K).
        rows: hold the targets.
        weights: head name -> factor in the total `loss`.
        index: positions (N,) of the rows that the outputs belong to; left out, all rows in order.
        rows_only: leaves out metrics that are not means over rows.
    """
    is_single = len(raw) == 1  # names of scores depend on the model, not on which of its tasks are measured
    task_totals: dict[str, Tensor | float] = {}
    total: Tensor | float = 0.0
    scores: dict[str, Tensor | float] = {}
    for task in tasks:
        out, target, observed, weight = _aligned(task, raw, rows, index)
        loss = task_loss(task.loss, out, target, observed, weight)
        total = total + weights[task.name] * loss
        if not is_single:
            task_totals[f"{task.name}_loss"] = loss
        for name, metric in task.metrics.items():
            key = name if is_single else f"{task.name}_{name}"
            if isinstance(metric, RowMetric):
                scores[key] = metric_mean(metric.rows(out, target), observed, weight)
            elif isinstance(metric, SetMetric) and not rows_only:
                scores[key] = metric.score(*_observed(out, target, observed, weight))
    values = _floats({"loss": total, **task_totals, **scores})
    for task in tasks:
        for name, metric in task.metrics.items():
            key = name if is_single else f"{task.name}_{name}"
            if isinstance(metric, RowMetric):
                values[key] = metric.finish(values[key])
    return values


def constant_losses(tasks: Sequence[Task], rows: Rows) -> dict[str, float]:
    """Head name -> loss on `rows` of the best constant prediction, which is fitted on the training rows."""
    by_head: dict[str, Tensor | float] = {}
    for task in tasks:
        prior = torch.as_tensor(task.codec.prior, dtype=torch.float32, device=rows.device)
        raw = {task.name: prior.expand(rows.size, *prior.shape)}
        by_head[task.name] = task_loss(task.loss, *_aligned(task, raw, rows, None))
    return _floats(by_head)


def task_losses(tasks: Sequence[Task], raw: Mapping[str, Tensor], rows: Rows) -> dict[str, float]:
    """Head name -> mean loss over `rows`."""
    return _floats({task.name: task_loss(task.loss, *_aligned(task, raw, rows, None)) for task in tasks})


def relative_loss(losses: Mapping[str, float], constants: Mapping[str, float]) -> float:
    """The mean over heads of the loss divided by the constant baseline's; 1.0 means nothing was learnt.

    Heads with a baseline of zero are left out.

    Args:
        losses: head name -> loss.
        constants: head name -> loss of the best constant prediction.

    >>> relative_loss({"a": 0.5, "b": 3.0}, {"a": 1.0, "b": 2.0})
    1.0
    """
    ratios = [losses[name] / constants[name] for name in losses if constants[name] > 1e-8]
    return float(np.mean(ratios)) if ratios else float(np.mean(list(losses.values())))


Aligned = tuple[Tensor, Tensor, Tensor | None, Tensor | None]


def _aligned(task: Task, raw: Mapping[str, Tensor], rows: Rows, index: Tensor | None) -> Aligned:
    target, observed, weight = rows.targets[task.name], rows.observed[task.name], rows.weight
    if index is not None:
        target = target.index_select(0, index)
        observed = None if observed is None else observed.index_select(0, index)
        weight = None if weight is None else weight.index_select(0, index)
    return raw[task.name], target, observed, weight


def _observed(
    raw: Tensor, target: Tensor, observed: Tensor | None, weight: Tensor | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    keep = slice(None) if observed is None else observed
    weights = None if weight is None else weight[keep].cpu().numpy()
    return raw[keep].detach().cpu().numpy(), target[keep].cpu().numpy(), weights


def _floats(values: Mapping[str, Tensor | float]) -> dict[str, float]:
    # Waits for the device once, however many numbers there are.
    tensors = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    if not tensors:
        return {name: float(value) for name, value in values.items()}
    numbers = torch.stack([value.detach().float() for value in tensors.values()]).tolist()
    by_name = dict(zip(tensors, numbers, strict=True))
    return {name: by_name[name] if name in by_name else float(value) for name, value in values.items()}
