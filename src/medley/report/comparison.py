"""Comparison of models on the same rows: metrics side by side, and intervals of their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medley.core.arguments import check_fraction, check_whole_number
from medley.core.batch import Rows
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean
from medley.model.forward import compute_outputs
from medley.model.labels import EncodedLabels
from medley.model.model import Model
from medley.model.tasks import Task, measure
from medley.report.figures import table
from medley.report.importance import labelled_rows
from medley.report.notebook import new_view
from medley.report.render import render_view
from medley.report.resampling import group_numbers, groups_of, resampler
from medley.tables.reading.read import Table
from medley.tables.view import is_table

if TYPE_CHECKING:
    import pandas as pd

BATCH_SIZE = 1024


@dataclass(frozen=True)
class ModelScore:
    """A metric of one model.

    Args:
        model: its name.
        value: on all rows.
        low: lower end of the confidence interval.
        high: upper end.
        gain: how much better it is than the first model; negative where it is worse.
        gain_low: lower end of the interval of `gain`, of paired resamples.
        gain_high: upper end.
    """

    model: str
    value: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference to the first model leaves out zero."""
        return self.gain_low > 0 or self.gain_high < 0


@dataclass(frozen=True)
class ComparedMetric:
    """One metric of a target for every model.

    Args:
        target: its name.
        metric: its name.
        greater_is_better: whether greater values are better.
        rows: number of labelled rows.
        scores: one per model, in order.
    """

    target: str
    metric: str
    greater_is_better: bool
    rows: int
    scores: tuple[ModelScore, ...]

    @property
    def best(self) -> str:
        """The model with the best value."""
        sign = 1 if self.greater_is_better else -1
        return max(self.scores, key=lambda score: sign * score.value).model


@dataclass(frozen=True)
class Comparison:
    """Metrics of several models on the same rows.

    Args:
        metrics: by target and metric.
        level: of the confidence intervals.
        samples: number of bootstrap resamples.
        groups: number of groups that are drawn whole; None where rows are drawn.
    """

    metrics: tuple[ComparedMetric, ...]
    level: float
    samples: int
    groups: int | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """A row per target, metric and model: `value`, `low`, `high`, `gain`, `gain_low`, `gain_high`, `differs`."""
        import pandas as pd

        columns = ["value", "low", "high", "gain", "gain_low", "gain_high", "differs"]
        rows = [
            {"target": item.target, "metric": item.metric, "model": score.model}
            | {name: getattr(score, name) for name in columns}
            for item in self.metrics
            for score in item.scores
        ]
        return pd.DataFrame(rows, columns=["target", "metric", "model", *columns])

    def lines(self) -> list[list[str]]:
        """Target, metric, value of the first model, and per further model its value and its gain as text."""
        return [list(_line(item)) for item in self.metrics]

    def columns(self) -> list[str]:
        """The names of the columns of `lines`."""
        first, *others = [score.model for score in self.metrics[0].scores]
        return ["target", "metric", first, *(name for other in others for name in (other, f"{other}: gain"))]

    def _repr_html_(self) -> str:
        note = f"Gain: how much better than the first model, with paired {self.level:.0%} intervals; * leaves out zero."
        note += "" if self.groups is None else f" Resamples are of {self.groups:,} groups."
        return render_view(new_view("Comparison", note=note, open_tables=[table(self.columns(), self.lines())]))


def compare(
    models: Mapping[str, Model] | Sequence[Model],
    x: Any,
    y: Any = None,
    *,
    samples: int = 500,
    level: float = 0.95,
    sample_weight: Any = None,
    group: Any = None,
    root: str | Path | None = None,
    seed: int = 0,
) -> Comparison:
    """Compares models on the same labelled rows.

    Rows are drawn with replacement, the same ones for all models, so that the intervals of differences are those of
    pairs: two models of which one is slightly better on every row differ clearly. Rows of a group are not independent
    of each other, so groups are drawn whole. Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap"
    (1993), percentile intervals.

    Args:
        models: at least two; named by their keys, or `model 1`, `model 2`, ...
        x: as in `Model.evaluate`: rows that no model has learnt.
        y: as in `Model.evaluate`.
        samples: number of resamples.
        level: of the intervals, between 0 and 1.
        sample_weight: as in `Model.evaluate`.
        group: groups of rows that are not independent: a column of the table, or (N,) values. Default: the column
            `group=` of the training of a model, if the table has it; of several, that with the fewest groups.
        root: as in `Model.predict`.
        seed: of the resamples.

    Returns:
        Values with intervals for each target that all models predict, and each metric that all of them have.

    Raises:
        ConfigError, DataError: an argument or a row breaks a rule, or the models have no target in common.
    """
    named = dict(models) if isinstance(models, Mapping) else {f"model {n}": model for n, model in enumerate(models, 1)}
    errors = ErrorCollector()
    if len(named) < 2:
        errors.add(f"must be at least two models, got {len(named)}.", argument="models")
    check_whole_number(errors, samples, "samples")
    check_fraction(errors, level, "level")
    errors.raise_if_any(ConfigError)
    if isinstance(y, Mapping):
        for name, model in named.items():
            if not set(y) & set(model.output_names):
                errors.add(f"{name} predicts none of the targets in y: {', '.join(map(str, y))}.")
        errors.raise_if_any(DataError)
    judged = {name: _Judged(model, x, y, sample_weight, root) for name, model in named.items()}
    groups = _groups(judged, group)
    first = next(iter(judged.values()))
    targets = [target for target in first.tasks if all(target in other.tasks for other in judged.values())]
    if not targets:
        listed = "; ".join(f"{name}: {', '.join(other.tasks)}" for name, other in judged.items())
        raise DataError(f"The models have no labelled target in common ({listed}).")
    generator = np.random.default_rng(seed)
    metrics = [item for target in targets for item in _compared(target, judged, samples, level, generator, groups)]
    return Comparison(tuple(metrics), level, samples, None if groups is None else int(groups.max()) + 1)


class _Judged:
    """A model's outputs and labels for the rows of a comparison."""

    def __init__(self, model: Model, x: Any, y: Any, sample_weight: Any, root: str | Path | None) -> None:
        if isinstance(y, Mapping):
            y = {name: y[name] for name in model.output_names if name in y}
        if y is None and model.table is not None and is_table(x, model.input_names, model.table.required):
            x = model.table.read(x, root, labelled=True)
        self.table = x if isinstance(x, Table) else None
        self.groups = groups_of(model, x)
        rows, labels = labelled_rows(model, x, y, sample_weight, root)
        self.rows = Rows(rows.sources, labels.targets, labels.weight, model.device, loss_targets=labels.losses)
        self.raw = compute_outputs(model.network, self.rows, BATCH_SIZE)
        self.labels: EncodedLabels = labels
        columns = {} if model.table is None else model.table.targets
        self.tasks: dict[str, Task] = {columns.get(task.name, task.name): task for task in labels.tasks}

    def observed(self, target: str) -> np.ndarray:
        """(N,) rows with a label."""
        return self.labels.targets[self.tasks[target].name].present

    def scores(self, target: str, index: np.ndarray) -> dict[str, float]:
        """Metric -> its value on some rows."""
        task, places = self.tasks[target], torch.from_numpy(index)
        raw = {task.name: self.raw[task.name].index_select(0, places.to(self.rows.device))}
        scores = measure([task], raw, self.rows, {task.name: 1.0}, places.to(self.rows.device))
        return {name: scores[name] for name in task.metrics}


def _groups(judged: Mapping[str, _Judged], group: Any) -> np.ndarray | None:
    """Integers (N,) from 0, equal for rows that are drawn together; None where rows are independent.

    Raises:
        ConfigError: `group` is neither a column nor a value per row.
    """
    first = next(iter(judged.values()))
    if group is None:
        return min((other.groups for other in judged.values() if other.groups is not None), key=np.max, default=None)
    if isinstance(group, str):
        columns = [] if first.table is None else list(map(str, first.table.frame.columns))
        if first.table is None or group not in columns:
            hint = did_you_mean(group, columns) if columns else " Pass one value per row, as the rows are no table."
            raise ConfigError(f"is {group!r}, which is not a column of the table.{hint}", argument="group")
        group = first.table.frame[group]
    if len(group) != first.rows.size:
        message = f"must have one value per row, got {len(group):,} values for {first.rows.size:,} rows."
        raise ConfigError(message, argument="group")
    return group_numbers(group)


def _compared(
    target: str,
    judged: Mapping[str, _Judged],
    samples: int,
    level: float,
    generator: np.random.Generator,
    groups: np.ndarray | None,
) -> Iterator[ComparedMetric]:
    observed = np.flatnonzero(np.logical_and.reduce([other.observed(target) for other in judged.values()]))
    if not len(observed):
        return
    values = [other.scores(target, observed) for other in judged.values()]
    names = [name for name in values[0] if all(name in scores for scores in values)]
    resampled = {name: np.empty((samples, len(judged))) for name in names}
    of_observed = None if groups is None else group_numbers(groups[observed])
    draw = resampler(generator, len(observed), len(observed), of_observed)
    for sample in range(samples):
        index = observed[draw()]
        for place, other in enumerate(judged.values()):
            scores = other.scores(target, index)
            for name in names:
                resampled[name][sample, place] = scores[name]
    task = next(iter(judged.values())).tasks[target]
    for name in names:
        greater = task.metrics[name].greater_is_better
        sign = 1.0 if greater else -1.0
        yield ComparedMetric(
            target,
            name,
            greater,
            len(observed),
            tuple(
                ModelScore(
                    model,
                    values[place][name],
                    *_ends(resampled[name][:, place], level),
                    sign * (values[place][name] - values[0][name]) + 0.0,  # -0.0 is 0.0
                    *_ends(sign * (resampled[name][:, place] - resampled[name][:, 0]) + 0.0, level),
                )
                for place, model in enumerate(judged)
            ),
        )


def _ends(values: np.ndarray, level: float) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _line(item: ComparedMetric) -> Iterator[str]:
    yield item.target
    yield item.metric
    for place, score in enumerate(item.scores):
        yield f"{score.value:.4g} [{score.low:.4g}, {score.high:.4g}]"
        if place:
            star = " *" if score.differs else ""
            yield f"{score.gain:+.3g} [{score.gain_low:+.3g}, {score.gain_high:+.3g}]{star}"
