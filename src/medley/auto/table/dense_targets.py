"""Targets of few whole numbers: numbers, or classes where a quick linear model does better with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.auto.table.declared_targets import declared_target
from medley.core.column import TaskGuess
from medley.data.split import random_folds, random_sample
from medley.tables.columns.cells import table_cells
from medley.tables.columns.missing import MissingValueSpec
from medley.tables.columns.names import (
    is_code_name,
    is_grade_name,
    is_identifier_name,
    is_quantity_name,
    is_time_name,
)
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table

_MOST_ROWS, _LEAST_ROWS = 3_000, 30
_MOST_CATEGORIES, _MOST_FEATURES = 20, 200
_RIDGE = 10.0
_NAME_MARGIN = 0.1


def settle_dense_targets(
    table: Table,
    labels: Table,
    schema: Schema,
    tasks: Mapping[str, TaskGuess],
    fixed_kinds: Collection[str] = (),
    missing_values: MissingValueSpec | None = None,
) -> dict[str, TaskGuess]:
    """Decide for each target of few whole numbers whether classes or numbers are predicted.

    Ordered classes are kept where their median is closer to the labels, and right more often, than the rounded number
    of a regression; unordered ones where the most probable is right as often. Both are linear models of the plain
    columns, measured out of fold. A name of grades or codes asks for classes, that of a quantity or a time for numbers:
    then the other has to be 10 % better.

    Args:
        table: rows, with inputs and targets.
        labels: the targets' columns of all rows.
        schema: the kinds of the inputs.
        tasks: column -> inferred task.
        fixed_kinds: targets whose task stands: the caller set it.
        missing_values: what the caller sets to be missing.

    Returns:
        Column -> task.

    >>> from medley.tables.columns.infer import infer
    >>> from medley.tables.columns.targets import infer_target
    >>> from medley.tables.reading.read import read
    >>> size = np.random.default_rng(0).uniform(0, 8, 200)
    >>> rows = read({"size": size, "y": size.round().astype(int)})
    >>> tasks = {"y": infer_target(rows.frame["y"])}
    >>> tasks["y"].kind, settle_dense_targets(rows, rows, infer(rows), tasks)["y"].kind
    ('multiclass', 'number')
    """
    settled, rows = dict(tasks), random_sample(len(table), _MOST_ROWS)
    features: np.ndarray | None = None
    for name, task in tasks.items():
        if name in fixed_kinds or name not in table.frame.columns or not _is_dense(task):
            continue
        if features is None:
            features = _features(table, schema.without(tasks), rows)
        numbers = _numbers(table_cells(table, task.cells).values[rows])
        comparison = _compare(features, numbers, is_ordered=task.kind == "ordered")
        if comparison is not None and not comparison.prefers_classes(_margin(name)):
            number = declared_target(labels, name, "number", missing_values)
            reason = f"its {task.outputs} whole numbers, as regression comes closer to them than classes do"
            settled[name] = TaskGuess(name, number.kind, reason, 0.7, number.missing, 1, (), number.cells)
    return settled


@dataclass(frozen=True)
class _Comparison:
    """Mean absolute errors and accuracies of classes and of rounded numbers, out of fold on a number of rows."""

    rows: int
    is_ordered: bool
    class_error: float
    number_error: float
    class_accuracy: float
    number_accuracy: float

    def prefers_classes(self, margin: float) -> bool:
        """Whether classes are better; they may be worse by `margin`, or must be better by it if it is negative."""
        # What names or gaps say is not given up for a difference by chance.
        chance = self.rows**-0.5 if margin > 0 or not self.is_ordered else 0.0
        is_right_as_often = self.class_accuracy + margin / 2 + chance >= self.number_accuracy
        is_as_close = self.class_error <= self.number_error * (1 + margin + chance)
        return is_right_as_often and (is_as_close or not self.is_ordered)


def _margin(name: str) -> float:
    if is_grade_name(name) or ((is_code_name(name) or is_identifier_name(name)) and not is_quantity_name(name)):
        return _NAME_MARGIN
    return -_NAME_MARGIN if is_quantity_name(name) or is_time_name(name) else 0.0


def _is_dense(task: TaskGuess) -> bool:
    """Whether a target's classes are whole numbers of a quantity or of grades."""
    if task.kind not in ("ordered", "multiclass") or len(task.labels) < 3:
        return False
    return all(
        isinstance(label, int) or (isinstance(label, str) and label.lstrip("-").isdigit()) for label in task.labels
    )


def _numbers(labels: np.ndarray) -> np.ndarray:
    return np.array([np.nan if label is None else float(label) for label in labels.tolist()])


def _compare(features: np.ndarray, numbers: np.ndarray, *, is_ordered: bool) -> _Comparison | None:
    """Compare both kinds of models out of fold; None if there are too few rows.

    Args:
        features: (S, F).
        numbers: (S,) labels, NaN where missing.
        is_ordered: whether the median class is predicted, instead of the most probable one.
    """
    present = np.isfinite(numbers)
    features, numbers = features[present], numbers[present]
    if len(numbers) < _LEAST_ROWS:
        return None
    classes, codes = np.unique(numbers, return_inverse=True)
    targets = np.column_stack([numbers, np.eye(len(classes))[codes]])
    outputs = np.zeros_like(targets)
    for train, validation in random_folds(len(numbers)):
        outputs[validation] = _predict(features[train], targets[train], features[validation])
    probabilities = np.clip(outputs[:, 1:], 1e-6, None)
    cumulative = np.cumsum(probabilities / probabilities.sum(axis=1, keepdims=True), axis=1)
    chosen = (cumulative < 0.5).sum(axis=1).clip(max=len(classes) - 1) if is_ordered else probabilities.argmax(axis=1)
    rounded = np.abs(outputs[:, :1] - classes).argmin(axis=1)
    errors = [float(np.abs(classes[answer] - numbers).mean()) for answer in (chosen, rounded)]
    accuracies = [float((answer == codes).mean()) for answer in (chosen, rounded)]
    return _Comparison(len(numbers), is_ordered, *errors, *accuracies)


def _predict(features: np.ndarray, targets: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Ridge regression: (S, F), (S, K), (V, F) -> (V, K)."""
    mean, target_mean = features.mean(axis=0), targets.mean(axis=0)
    centred = features - mean
    gram = centred.T @ centred + _RIDGE * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (targets - target_mean)) if features.shape[1] else np.zeros((0, 1))
    return target_mean + (new - mean) @ weights if features.shape[1] else np.repeat(target_mean[None], len(new), axis=0)


def _features(table: Table, schema: Schema, rows: np.ndarray) -> np.ndarray:
    """Plain columns as numbers (S, F): standardised numbers and their squares, indicators of frequent categories."""
    columns: list[np.ndarray] = []
    for name in schema.used:
        if len(columns) >= _MOST_FEATURES:
            break
        values: Any = table_cells(table, schema[name]).values
        if schema[name].kind in ("number", "time"):
            columns += _numeric(_as_floats(values[rows]))
        elif schema[name].kind in ("category", "boolean"):
            columns += _indicators(values[rows])
    return np.column_stack(columns[:_MOST_FEATURES]) if columns else np.zeros((len(rows), 0))


def _as_floats(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "M":
        return values.astype(np.float64)
    return np.where(np.isnat(values), np.nan, values.astype("datetime64[s]").astype(np.int64))


def _numeric(values: np.ndarray) -> list[np.ndarray]:
    present = np.isfinite(values)
    if not present.any() or values[present].min() == values[present].max():
        return [present.astype(np.float64)]
    low, high = np.quantile(values[present], [0.005, 0.995])
    clipped = np.clip(np.where(present, values, np.median(values[present])), low, high)
    standardised = (clipped - clipped.mean()) / (clipped.std() or 1.0)
    return [standardised, standardised**2, *([] if present.all() else [present.astype(np.float64)])]


def _indicators(labels: np.ndarray) -> list[np.ndarray]:
    import pandas as pd

    counts = pd.Series(labels, dtype=object).value_counts()
    return [(labels == label).astype(np.float64) for label in counts.index[:_MOST_CATEGORIES]]
