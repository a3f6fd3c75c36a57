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
        measures: metrics by name.
    """

    name: str
    head: Head
    codec: TargetCodec
    loss: Callable[[Tensor, Tensor], Tensor]
    measures: Mapping[str, Metric]


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
    """Losses and metrics over rows, in Keras's names: `loss`, and with several heads `<head>_loss`, `<head>_<metric>`.

    Args:
        tasks: the heads to measure.
        raw: head name -> raw outputs (N, K).
        rows: the rows that hold the targets.
        weights: head name -> factor in the total `loss`.
        index: which rows the outputs belong to, in order (N,); all, if left out.
        rows_only: only metrics that are means over rows.
    """
    one = len(raw) == 1  # how scores are called depends on the model, not on which of its tasks are measured
    told: dict[str, Tensor | float] = {}
    total: Tensor | float = 0.0
    scores: dict[str, Tensor | float] = {}
    for task in tasks:
        out, target, observed, weight = _aligned(task, raw, rows, index)
        loss = task_loss(task.loss, out, target, observed, weight)
        total = total + weights[task.name] * loss
        if not one:
            told[f"{task.name}_loss"] = loss
        for name, metric in task.measures.items():
            key = name if one else f"{task.name}_{name}"
            if isinstance(metric, RowMetric):
                scores[key] = metric_mean(metric.rows(out, target), observed, weight)
            elif isinstance(metric, SetMetric) and not rows_only:
                scores[key] = metric.score(*_observed(out, target, observed, weight))
    values = _floats({"loss": total, **told, **scores})
    for task in tasks:
        for name, metric in task.measures.items():
            key = name if one else f"{task.name}_{name}"
            if isinstance(metric, RowMetric):
                values[key] = metric.finish(values[key])
    return values


def baselines(tasks: Sequence[Task], rows: Rows) -> dict[str, float]:
    """Head name -> loss of the best constant prediction of the training rows, measured on `rows`."""
    told: dict[str, Tensor | float] = {}
    for task in tasks:
        prior = torch.as_tensor(task.codec.prior, dtype=torch.float32, device=rows.device)
        raw = {task.name: prior.expand(rows.size, *prior.shape)}
        told[task.name] = task_loss(task.loss, *_aligned(task, raw, rows, None))
    return _floats(told)


def losses(tasks: Sequence[Task], raw: Mapping[str, Tensor], rows: Rows) -> dict[str, float]:
    """Head name -> mean loss over `rows`."""
    return _floats({task.name: task_loss(task.loss, *_aligned(task, raw, rows, None)) for task in tasks})


def relative(found: Mapping[str, float], constant: Mapping[str, float]) -> float:
    """The scale-free number: the mean over heads of loss / loss of the best constant; heads without one are left out.

    >>> relative({"a": 0.5, "b": 3.0}, {"a": 1.0, "b": 2.0})
    1.0
    """
    ratios = [found[name] / constant[name] for name in found if constant[name] > 1e-8]
    return float(np.mean(ratios)) if ratios else float(np.mean(list(found.values())))


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
    chosen = None if weight is None else weight[keep].cpu().numpy()
    return raw[keep].detach().cpu().numpy(), target[keep].cpu().numpy(), chosen


def _floats(told: Mapping[str, Tensor | float]) -> dict[str, float]:
    # One wait for the device, however many numbers.
    tensors = {name: value for name, value in told.items() if isinstance(value, Tensor)}
    if not tensors:
        return {name: float(value) for name, value in told.items()}
    found = torch.stack([value.detach().float() for value in tensors.values()]).tolist()
    known = dict(zip(tensors, found, strict=True))
    return {name: known[name] if name in known else float(value) for name, value in told.items()}
