"""Metrics with bootstrap intervals, beside those of the constant and the linear baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.model.tasks import is_likelihood
from medley.report.evidence import TaskEvidence
from medley.report.resampling import resampler

REPEATS, SLOW_REPEATS, FEWEST = 300, 150, 20
"""Resamples of a bootstrap: of means over rows; at most, and at least, of metrics of whole sets, which are slow."""

MOST_SCORED, MOST_OUTPUTS = 1_000_000, 300
"""Rows and raw outputs, and raw outputs of one row, of which such metrics are computed, over all resamples."""

MANY = 100
"""Resamples from which the ends of an interval are quantiles; fewer give a standard deviation."""

LEVEL = 0.95

Score = Callable[[np.ndarray], float]
"""Positions of rows -> the metric of these rows."""


@dataclass(frozen=True)
class MetricRow:
    """One metric of a task.

    Args:
        name: of the metric.
        greater_is_better: whether greater values are better.
        value: on all rows.
        low: lower end of the interval that holds 95 % of the values of bootstrap resamples.
        high: upper end.
        baselines: baseline -> its value.
        gain: baseline -> how much better the model is, as value, lower and upper end: of paired resamples.
    """

    name: str
    greater_is_better: bool
    value: float
    low: float
    high: float
    baselines: Mapping[str, float]
    gain: Mapping[str, tuple[float, float, float]]


def metric_rows(evidence: TaskEvidence, seed: int = 0) -> list[MetricRow]:
    """The loss and all metrics of a task, with percentile intervals of a bootstrap over rows (Efron, 1979).

    Where rows belong to groups, whole groups are drawn, as rows of a group are not independent of each other.

    Metrics of whole sets have fewer resamples, and of many rows smaller ones (m out of n: Bickel, Götze and van Zwet,
    1997); their intervals are 1.96 standard deviations wide on both sides.

    Args:
        evidence: predictions and labels of N rows.
        seed: of the resamples.
    """
    metrics: dict[str, Metric | None] = {**evidence.task.metrics, "loss": None}
    return [row for name, metric in metrics.items() if (row := _metric_row(name, metric, evidence, seed)) is not None]


def _metric_row(name: str, metric: Metric | None, evidence: TaskEvidence, seed: int) -> MetricRow | None:
    keep = evidence.is_learned if metric is None or is_likelihood(metric) else np.ones(evidence.size, bool)
    size = int(keep.sum())
    if not size:
        return None
    reads_decision = metric is not None and metric.reads_decision
    outputs = evidence.decided.astype(np.float32) if reads_decision else evidence.raw
    raw = {"model": outputs, **evidence.baselines}
    scores = {label: _score(metric, outputs[keep], evidence, keep) for label, outputs in raw.items()}
    values = {label: score(np.arange(size)) for label, score in scores.items()}
    repeats, rows = REPEATS, size
    if isinstance(metric, SetMetric):
        outputs = evidence.raw.shape[1]
        repeats = int(np.clip(min(MOST_SCORED // (size * outputs), MOST_OUTPUTS // outputs), FEWEST, SLOW_REPEATS))
        rows = min(size, max(MOST_SCORED // (FEWEST * outputs), 200))
    resampled = [label for label in scores if label != "constant"]
    draw = resampler(
        np.random.default_rng(seed), size, rows, None if evidence.groups is None else evidence.groups[keep]
    )
    samples = np.empty((repeats, len(resampled)))
    for repeat in range(repeats):
        index = draw()
        samples[repeat] = [scores[label](index) for label in resampled]
    shrink = np.sqrt(rows / size)
    is_better_up = metric is not None and metric.greater_is_better
    low, high = _ends(samples[:, 0], values["model"], shrink, is_score=is_better_up)
    sign, gain = 1 if is_better_up else -1, {}
    for place, label in enumerate(resampled[1:], 1):
        difference = sign * (values["model"] - values[label])
        gain[label] = (difference, *_ends(sign * (samples[:, 0] - samples[:, place]), difference, shrink))
    baselines = {label: value for label, value in values.items() if label != "model"}
    return MetricRow(name, is_better_up, values["model"], low, high, baselines, gain)


def _ends(samples: np.ndarray, value: float, shrink: float, *, is_score: bool = False) -> tuple[float, float]:
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return float("nan"), float("nan")
    if len(samples) < MANY or shrink < 1:
        half = 1.96 * float(samples.std(ddof=1)) * shrink if len(samples) > 1 else float("nan")
        most = 1.0 if value <= 1 and samples.max() <= 1 and is_score else np.inf
        return value - half, min(value + half, most)
    low, high = np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _score(metric: Metric | None, raw: np.ndarray, evidence: TaskEvidence, keep: np.ndarray) -> Score:
    """A function of the positions of rows that computes a metric, or the loss, of these rows."""
    import torch

    is_loss_like = metric is None or is_likelihood(metric)
    target = (evidence.learned_target if is_loss_like else evidence.target)[keep]
    weight = None if evidence.weight is None else evidence.weight[keep]
    outputs = torch.from_numpy(np.ascontiguousarray(raw))
    if evidence.task.widened is not None and not is_loss_like:
        outputs = evidence.task.widened(outputs)
    if isinstance(metric, SetMetric):
        array = outputs.numpy()
        return lambda index: float(metric.score(array[index], target[index], None if weight is None else weight[index]))
    with torch.no_grad():
        function: Any = metric.rows if isinstance(metric, RowMetric) else evidence.task.loss
        by_row = function(outputs, torch.from_numpy(np.ascontiguousarray(target))).double().numpy()

    def score(index: np.ndarray) -> float:
        mean = float(np.average(by_row[index], weights=None if weight is None else weight[index]))
        return metric.finish(mean) if isinstance(metric, RowMetric) else mean

    return score
