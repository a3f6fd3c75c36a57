"""A task: a head with its fitted target codec, as training and evaluation use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.core.codec import Encoded, TargetCodec
from medley.core.head import Head
from medley.core.metric import Metric, RowMetric, SetMetric
from medley.errors import DataError, warn
from medley.graph.graph import Graph
from medley.heads.masked import metric_mean, task_loss
from medley.trust.trust import Trust


@dataclass(frozen=True)
class Task:
    """One target.

    Args:
        name: the head's name.
        head: its declaration.
        codec: its fitted target codec.
        loss: raw (B, K), target (B, ...) -> (B,).
        metrics: by name.
        widened: raw outputs (B, K) -> those that metrics read, where rows have labels that the codec has not.
        decided: raw outputs (B, K) -> those whose most probable class is the one that thresholds or costs decide for.
    """

    name: str
    head: Head
    codec: TargetCodec
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: Mapping[str, Metric]
    widened: Callable[[Tensor], Tensor] | None = None
    decided: Callable[[Tensor], Tensor] | None = None


def tasks_of(
    graph: Graph, targets: Mapping[str, TargetCodec], extended: Mapping[str, TargetCodec] | None = None
) -> list[Task]:
    """The tasks of a graph's heads, in order.

    Args:
        graph: resolved.
        targets: head name -> fitted target codec.
        extended: head name -> the codec with labels of the rows to measure on, where these have more.
    """
    return [_task(name, head, targets[name], (extended or {}).get(name)) for name, head in graph.heads.items()]


def _task(name: str, head: Head, codec: TargetCodec, wider: TargetCodec | None) -> Task:
    loss, metrics = head.loss_function(codec), dict(head.metric_functions(codec))
    if wider is None or wider is codec:
        return Task(name, head, codec, loss, metrics)
    for word, metric in head.metric_functions(wider).items():
        if not is_likelihood(metric):
            metrics[word] = metric

    def widened(raw: Tensor) -> Tensor:
        return torch.from_numpy(codec.widened(raw.float().cpu().numpy(), wider)).to(raw.device)

    return Task(name, head, codec, loss, metrics, widened)


def with_decisions(tasks: Sequence[Task], trust: Trust) -> list[Task]:
    """Tasks whose metrics follow what a model predicts: by thresholds and costs, and with corrected numbers."""

    def decided(task: Task) -> Callable[[Tensor], Tensor]:
        def decide(raw: Tensor) -> Tensor:
            outputs = trust.decided(task.name, task.codec, raw.float().cpu().numpy())
            return torch.from_numpy(outputs.astype(np.float32)).to(raw.device)

        return decide

    return [replace(task, decided=decided(task)) if trust.changes_predictions(task.name) else task for task in tasks]


def is_likelihood(metric: Metric) -> bool:
    """Whether a metric leaves out rows of classes without training rows, as a loss does."""
    return isinstance(metric, RowMetric) and metric.is_likelihood


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
        rows: hold the targets. Those of classes without training rows are left out of losses, and of metrics that would
            be infinite; other metrics count them as misses.
        weights: head name -> factor in the total `loss`.
        index: positions (N,) of the rows that the outputs belong to; left out, all rows in order.
        rows_only: leaves out metrics that are not means over rows.
    """
    is_single = len(raw) == 1  # names of scores depend on the model, not on which of its tasks are measured
    task_totals: dict[str, Tensor | float] = {}
    total: Tensor | float = 0.0
    scores: dict[str, Tensor | float] = {}
    for task in tasks:
        counted, scored = _aligned(task, raw, rows, index), _loss_aligned(task, raw, rows, index)
        loss = task_loss(task.loss, *scored)
        total = total + weights[task.name] * loss
        if not is_single:
            task_totals[f"{task.name}_loss"] = loss
        for name, metric in task.metrics.items():
            key = name if is_single else f"{task.name}_{name}"
            out, target, observed, weight = scored if is_likelihood(metric) else counted
            if task.decided is not None and (metric.reads_decision or task.codec.labels is None):
                decided = {task.name: task.decided(raw[task.name])}
                out, target, observed, weight = _aligned(task, decided, rows, index)
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
        by_head[task.name] = task_loss(task.loss, *_loss_aligned(task, raw, rows, None))
    return _floats(by_head)


def task_losses(tasks: Sequence[Task], raw: Mapping[str, Tensor], rows: Rows) -> dict[str, float]:
    """Head name -> mean loss over `rows`."""
    return _floats({task.name: task_loss(task.loss, *_loss_aligned(task, raw, rows, None)) for task in tasks})


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
    out = raw[task.name] if task.widened is None else task.widened(raw[task.name])
    return out, *_indexed(rows.targets[task.name], rows.observed[task.name], rows.weights.get(task.name), index)


def _loss_aligned(task: Task, raw: Mapping[str, Tensor], rows: Rows, index: Tensor | None) -> Aligned:
    target, observed = rows.loss_targets[task.name], rows.loss_observed[task.name]
    return raw[task.name], *_indexed(target, observed, rows.weights.get(task.name), index)


def _indexed(
    target: Tensor, observed: Tensor | None, weight: Tensor | None, index: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    if index is not None:
        target = target.index_select(0, index)
        observed = None if observed is None else observed.index_select(0, index)
        weight = None if weight is None else weight.index_select(0, index)
    return target, observed, weight


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


def with_further_metrics(task: Task) -> Task:
    """A task with the metrics that its head recommends, too."""
    if task.widened is not None:  # its metrics read outputs of another codec
        return task
    names = [name for name in task.head.further_metrics() if name not in task.metrics]
    further = replace(task.head, **{"metrics": names}).metric_functions(task.codec) if names else {}
    return replace(task, metrics={**task.metrics, **further})


def mark_unlabelled(
    scores: dict[str, float], targets: Mapping[str, Encoded], losses: Mapping[str, Encoded], *, is_single: bool
) -> None:
    """Sets losses without a labelled row to NaN, and warns of them.

    Args:
        scores: of `measure`.
        targets: head name -> encoded labels.
        losses: head name -> encoded labels as losses read them.
        is_single: whether the model has one head.

    Raises:
        DataError: no row has a label of any head.
    """
    unlabelled = [name for name, target in targets.items() if not target.present.any()]
    if len(unlabelled) == len(targets):
        raise DataError(f"No row has a label of {', '.join(unlabelled)}, so there is nothing to measure.")
    for name in unlabelled:
        warn(f"No row has a label of {name}: its loss is reported as NaN and is not part of the total.")
    for name in (name for name, target in losses.items() if not target.present.any()):
        scores["loss" if is_single else f"{name}_loss"] = float("nan")
