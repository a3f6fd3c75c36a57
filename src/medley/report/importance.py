"""Importance of columns, inputs and modalities: how much worse predictions are without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from medley.core.arguments import check_whole_number
from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.progress_bar import progress_bar
from medley.core.registry import register
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean
from medley.model.encoding import take_weights
from medley.model.forward import compute_outputs
from medley.model.importance import OVERALL, Importance, Level, Measurement
from medley.model.labels import EncodedLabels
from medley.model.tasks import Task, constant_losses, measure
from medley.report.associations import associated_columns
from medley.report.model_rows import ModelRows, modality_by_input
from medley.tables.view import is_table

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.predict_options import OnUnreadable

_Removal = tuple[Level, str, tuple[str, ...]]
"""What predictions are made without: its level, its name, and the inputs or columns that it consists of."""

BATCH_SIZE = 1024

MIN_ROWS = 100
"""Rows from which predictions without inputs are compared."""


@register("report.importance")
def importance(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    groups: Mapping[str, Sequence[str]] | Literal["associated"] | None = None,
    repeats: int = 5,
    time_limit: float | None = 60.0,
    max_rows: int | None = 2000,
    sample_weight: Any = None,
    root: str | Path | None = None,
    on_unreadable: OnUnreadable = "warn",
    seed: int = 0,
    verbose: int = 1,
) -> Importance:
    """Measures importance; see `Model.importance`."""
    start = monotonic()
    errors = ErrorCollector()
    check_whole_number(errors, repeats, "repeats")
    check_whole_number(errors, max_rows, "max_rows")
    errors.raise_if_any(ConfigError)
    rows, labels = labelled_rows(model, x, y, sample_weight, root, on_unreadable)
    generator = np.random.default_rng(seed)
    if max_rows is not None and rows.size > max_rows:
        index = np.sort(generator.choice(rows.size, max_rows, replace=False))
        rows, labels = rows.take(index), _take_labels(labels, index)
    tasks = [task for task in labels.tasks if labels.losses[task.name].present.any()]
    if not tasks:
        raise DataError("No row has a label, so there is nothing to measure.")
    without = _inputs_to_remove(rows)
    scorer = _Scorer(model, rows, replace(labels, tasks=tasks))
    permuted: list[_Removal] = [
        *(("group", name, columns) for name, columns in _groups(rows, groups).items()),
        *(("column", column.name, (column.name,)) for column in rows.columns),
    ]
    base = scorer.scores(rows.encode())
    deadline = None if time_limit is None else start + time_limit
    order = without + permuted * repeats
    values = _worsenings(scorer, base, rows, order, generator, deadline, is_shown=verbose > 0)
    measurements = [
        Measurement(level, name, members, *key, tuple(entry[key] for entry in values[level, name]))
        for level, name, members in without + permuted
        for key in (values[level, name] or [{}])[0]
    ]
    left_out = [name for (_, name), entries in values.items() if not entries]
    scores = {
        task.name: {metric: value for (name, metric), value in base.items() if name == task.name} for task in tasks
    }
    return Importance(tuple(measurements), scores, rows.size, tuple(left_out), monotonic() - start)


def _worsenings(
    scorer: _Scorer,
    base: Mapping[tuple[str, str], float],
    rows: ModelRows,
    removals: Sequence[_Removal],
    generator: np.random.Generator,
    deadline: float | None,
    *,
    is_shown: bool,
) -> dict[tuple[Level, str], list[dict[tuple[str, str], float]]]:
    """Level and name -> how much worse predictions are without it, each time that the removals have it.

    Inputs and modalities are absent in all rows, columns are permuted between rows.

    Args:
        scorer: measures predictions.
        base: scores with everything.
        rows: the rows.
        removals: in the order in which they are measured.
        generator: of permutations.
        deadline: `time.monotonic()` at which it stops, with the rest not measured.
        is_shown: whether there is a progress bar.
    """
    values: dict[tuple[Level, str], list[dict[tuple[str, str], float]]] = {removal[:2]: [] for removal in removals}
    longest = 0.0
    with progress_bar("importance", len(removals), is_shown=is_shown) as advance:
        for level, name, members in removals:
            began = monotonic()
            if deadline is not None and began + longest > deadline:
                break
            if level in ("input", "modality"):
                encoded = rows.encode(absent=members)
            else:
                encoded = rows.encode(dict.fromkeys(members, generator.permutation(rows.size)))
            values[level, name].append(scorer.worsening(base, encoded))
            longest = max(longest, monotonic() - began)
            advance(1)
    return values


def without_inputs(
    model: Model, x: Mapping[str, Any], y: Mapping[str, Any], seconds: float, max_rows: int = 1000
) -> dict[str, dict[str, float]]:
    """How much worse rows are predicted without each input, and without each modality of several inputs.

    Args:
        model: is not changed.
        x: input name -> rows that it was not trained on.
        y: head name -> their labels.
        seconds: that this may take, about; determines the number of rows.
        max_rows: at most as many rows.

    Returns:
        Name -> task, and `OVERALL` -> rise of the loss, divided by that of the constant baseline. Empty if there is one
        input only, or not enough time for `MIN_ROWS` rows.
    """
    rows, labels = labelled_rows(model, x, y, None, None)
    without = _inputs_to_remove(rows)
    if len(without) < 2 or rows.size < MIN_ROWS:
        return {}
    order = np.random.default_rng(0).permutation(rows.size)

    def sample(count: int) -> tuple[ModelRows, _Scorer]:
        index = np.sort(order[:count])
        part = rows.take(index)
        return part, _Scorer(model, part, _take_labels(labels, index))

    began = monotonic()
    part, scorer = sample(MIN_ROWS // 2)
    scorer.scores(part.encode())
    per_row = (monotonic() - began) / part.size
    count = min(max_rows, int(seconds / per_row / (len(without) + 1)))
    if count < MIN_ROWS:
        return {}
    part, scorer = sample(count)
    base = scorer.scores(part.encode())
    rises = {name: scorer.worsening(base, part.encode(absent=members)) for _, name, members in without}
    return {
        name: {task: value for (task, metric), value in worse.items() if metric == "relative_loss"}
        for name, worse in rises.items()
    }


def labelled_rows(
    model: Model, x: Any, y: Any, sample_weight: Any, root: str | Path | None, on_unreadable: OnUnreadable = "warn"
) -> tuple[ModelRows, EncodedLabels]:
    """Rows by column and their labels; arguments are those of `Model.evaluate`.

    Raises:
        DataError: rows or labels break a rule.
    """
    if y is None and model.table is not None and is_table(x, model.input_names, model.table.required):
        table = model.table.read(x, root, labelled=True)
        _, labels = model.labelled(table, None, sample_weight, on_unreadable=on_unreadable)
        return ModelRows.of_table(model, model.table, table), labels
    named_x, labels = model.labelled(x, y, sample_weight, root=root, on_unreadable=on_unreadable)
    return ModelRows.of_inputs(model, named_x), labels


def _take_labels(labels: EncodedLabels, index: np.ndarray) -> EncodedLabels:
    def taken(encoded: Mapping[str, Encoded]) -> dict[str, Encoded]:
        return {name: Encoded(rows.array[index], rows.present[index]) for name, rows in encoded.items()}

    targets, losses = taken(labels.targets), taken(labels.losses)
    losses |= {name: targets[name] for name in losses if labels.losses[name] is labels.targets[name]}
    weight = None if labels.weight is None else take_weights(labels.weight, index)
    return EncodedLabels(labels.tasks, targets, losses, weight)


class _Scorer:
    """Measures the predictions for encoded rows, and how much worse they are than others."""

    def __init__(self, model: Model, rows: ModelRows, labels: EncodedLabels) -> None:
        self._network, self._device, self._labels = rows.network, model.device, labels
        self._is_better = {
            (task.name, name): metric.greater_is_better
            for task in labels.tasks
            for name, metric in task.metrics.items()
        }
        self._constants = constant_losses(labels.tasks, self._rows(rows.encode()))

    def _rows(self, encoded: Mapping[str, Encoded]) -> Rows:
        labels = self._labels
        return Rows(encoded, labels.targets, labels.weight, self._device, loss_targets=labels.losses)

    def scores(self, encoded: Mapping[str, Encoded]) -> dict[tuple[str, str], float]:
        """(task, metric) -> score."""
        rows = self._rows(encoded)
        raw = compute_outputs(self._network, rows, BATCH_SIZE)
        return {
            (task.name, name): value for task in self._labels.tasks for name, value in _scores(task, raw, rows).items()
        }

    def worsening(
        self, base: Mapping[tuple[str, str], float], encoded: Mapping[str, Encoded]
    ) -> dict[tuple[str, str], float]:
        """How much worse predictions are than those with the scores `base`; positive where they are."""
        scores = self.scores(encoded)
        worse = {
            key: (base[key] - value) if self._is_better.get(key, False) else (value - base[key])
            for key, value in scores.items()
        }
        relative = {
            (name, "relative_loss"): worse[name, "loss"] / constant
            for name, constant in self._constants.items()
            if constant > 1e-8
        }
        overall = {(OVERALL, "relative_loss"): float(np.mean(list(relative.values())))} if relative else {}
        return {**worse, **relative, **overall}


def _scores(task: Task, raw: Mapping[str, Any], rows: Rows) -> dict[str, float]:
    return measure([task], {task.name: raw[task.name]}, rows, {task.name: 1.0})


def _inputs_to_remove(rows: ModelRows) -> list[_Removal]:
    """Inputs, and modalities of several inputs, to predict without."""
    modalities = modality_by_input(rows.model.graph)
    by_modality: dict[str, list[str]] = {}
    for name in rows.inputs:
        by_modality.setdefault(modalities[name], []).append(name)
    several = {name: tuple(inputs) for name, inputs in by_modality.items() if len(inputs) > 1}
    removed: list[_Removal] = [("modality", name, inputs) for name, inputs in several.items()]
    return [*removed, *(("input", name, (name,)) for name in rows.inputs)]


def _groups(rows: ModelRows, groups: Any) -> dict[str, tuple[str, ...]]:
    """Name of a group -> its columns.

    Raises:
        ConfigError: a group names a column that there is not; all are reported.
    """
    if groups is None:
        return {}
    if groups == "associated":
        return {" + ".join(columns): columns for columns in associated_columns(rows.columns)}
    errors, names = ErrorCollector(), [column.name for column in rows.columns]
    if not isinstance(groups, Mapping) or any(isinstance(columns, str) for columns in groups.values()):
        message = f'must be "associated" or a dict from a name to a list of columns, got {groups!r}.'
        raise ConfigError(message, argument="groups")
    for group, columns in groups.items():
        for column in columns:
            if column not in names:
                hint = did_you_mean(str(column), names)
                errors.add(f"{group!r} has {column!r}, which the model does not read.{hint}", argument="groups")
    errors.raise_if_any(ConfigError)
    return {str(group): tuple(columns) for group, columns in groups.items()}
