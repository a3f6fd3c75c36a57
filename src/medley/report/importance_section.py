"""What predictions depend on: columns, inputs, modalities, for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import DataError
from medley.model.importance import OVERALL, Importance, Level
from medley.report import figures
from medley.report.evidence import Evidence
from medley.report.importance import importance
from medley.report.result_views import affinity_view
from medley.report.task_affinity import task_affinity

if TYPE_CHECKING:
    from medley.model.model import Model

SECONDS, REPEATS = 8.0, 3
MOST_COLUMNS = 20
MOST_TASKS, MOST_AFFINITY_ROWS = 8, 500
AFFINITY_BYTES = 2**21
"""Of encoded rows whose affinity is measured: fewer rows with images, whose encoder runs for each of many steps."""


def importance_section(model: Model, evidence: Evidence | None, names: Mapping[str, str]) -> dict[str, Any] | None:
    """The section on importance; None without rows.

    Args:
        model: a model.
        evidence: with the rows themselves.
        names: head name -> name of the target.
    """
    if evidence is None or evidence.passed is None:
        return None
    x, y = evidence.passed
    try:
        measured = importance(model, x, y, repeats=REPEATS, time_limit=SECONDS, max_rows=1_000, verbose=0)
    except DataError:  # rows whose losses are not defined
        return None
    section: dict[str, Any] = {"figures": [], "tables": [], "open_tables": [], "notes": [], "left_out": []}
    section["notes"].append(
        f"How much the loss rises, divided by that of the constant baseline: 1 is all that the constant does not know. "
        f"Measured on {measured.rows:,} rows; {REPEATS} permutations per column."
    )
    if evidence.is_seen:
        section["notes"].append("Most members of the ensemble have learnt these rows, so small values may be chance.")
    columns = measured.ranking("column")
    section["ranked"] = [item.name for item in columns]
    if columns:
        section["figures"].append(bars_of_columns(measured))
        if len(columns) > MOST_COLUMNS:
            section["left_out"].append(
                f"{len(columns) - MOST_COLUMNS:,} columns of lower importance: model.importance(table).frame."
            )
    if len(measured.tasks) > 1 and columns:
        section["figures"].append(_by_task(measured, [item.name for item in columns[:MOST_COLUMNS]], names))
    if 1 < len(measured.tasks) <= MOST_TASKS:
        row_bytes = 1 if evidence.rows is None else evidence.rows.row_bytes
        affinity = task_affinity(
            model, x, y, max_rows=int(np.clip(AFFINITY_BYTES // row_bytes, 100, MOST_AFFINITY_ROWS))
        )
        if (affinity.shared * (1 - np.eye(len(affinity.tasks)))).any():
            section["figures"] += affinity_view(affinity)["figures"]
    if len(model.input_names) > 1:
        section["open_tables"].append(_absent_inputs(measured, evidence, names))
    if measured.left_out:
        count = len(measured.left_out)
        section["left_out"].append(f"The importance of {count:,} columns, for want of time: model.importance(table).")
    return section


def bars_of_columns(measured: Importance) -> figures.Figure:
    """The most important columns, with the standard deviation of the repetitions."""
    shown = measured.ranking("column")[:MOST_COLUMNS]
    spread = [0.0 if np.isnan(item.std) else item.std for item in shown]
    names, values = [item.name for item in shown], [item.mean for item in shown]
    note = "The cells of one column are permuted between rows; whiskers are the standard deviation."
    return figures.bars("Columns", names, values, "rise of the relative loss", note=note, spread=spread)


def _by_task(measured: Importance, columns: list[str], names: Mapping[str, str]) -> figures.Figure:
    tasks = measured.tasks[:MOST_TASKS]
    by_task = {task: {item.name: item.mean for item in measured.ranking("column", task)} for task in tasks}
    values = np.array([[by_task[task].get(column, np.nan) for task in tasks] for column in columns])
    shade = np.nan_to_num(values / max(float(np.nanmax(np.abs(values))), 1e-12))
    heads = [names.get(task, task) for task in tasks]
    note = "The same, for each target by itself."
    rounded = np.vectorize(lambda value: float(f"{value:.2g}"))(np.nan_to_num(values))
    return figures.matrix("Columns by target", columns, heads, rounded, x="target", y="column", note=note, shade=shade)


def _absent_inputs(measured: Importance, evidence: Evidence, names: Mapping[str, str]) -> dict[str, Any]:
    """The first metric of each task as it is, and without each input or modality."""
    metrics = {
        task: next(iter(evidence.tasks[task].task.head.metric_functions(evidence.tasks[task].task.codec).items()))
        for task in measured.tasks
    }
    worse = {(item.level, item.name, item.task, item.metric): item.mean for item in measured.measurements}
    columns = [
        "",
        *(f"{names.get(task, task)}: {name.replace('_', ' ')}" for task, (name, _) in metrics.items()),
        "rise of the relative loss",
    ]
    rows: list[list[Any]] = [["all inputs", *(measured.scores[task][name] for task, (name, _) in metrics.items()), 0.0]]
    overall = OVERALL if len(measured.tasks) > 1 else measured.tasks[0]
    levels: tuple[Level, ...] = ("modality", "input")
    for level in levels:
        for absent in dict.fromkeys(item.name for item in measured.measurements if item.level == level):
            line: list[Any] = [f"without {absent}"]
            for task, (name, metric) in metrics.items():
                loss = worse.get((level, absent, task, name))
                sign = -1 if metric.greater_is_better else 1
                line.append(None if loss is None else measured.scores[task][name] + sign * loss)
            rows.append([*line, worse.get((level, absent, overall, "relative_loss"))])
    return figures.table(columns, rows, "Rows that lack an input")
