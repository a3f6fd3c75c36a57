"""How importance and affinity are shown in notebooks."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.model.affinity import TaskAffinity
from medley.model.importance import OVERALL, Importance, Level
from medley.report.figures import bars, matrix, table

MOST_BARS = 20
_LEVELS: tuple[Level, ...] = ("modality", "input", "group", "column")


def importance_view(result: Importance) -> dict[str, Any]:
    """Bars of columns, and a table of everything by task."""
    tasks = result.tasks if len(result.tasks) == 1 else [OVERALL, *result.tasks]
    tables, charts = [], []
    for level in _LEVELS:
        ranking = result.ranking(level)
        if not ranking:
            continue
        by_task = {task: {m.name: m.mean for m in result.ranking(level, task)} for task in tasks}
        rows = [[m.name, *(by_task[task].get(m.name) for task in tasks)] for m in ranking]
        tables.append(table([level, *tasks], rows, f"By {level}"))
        if level in ("group", "column"):
            names, values = [m.name for m in ranking[:MOST_BARS]], [m.mean for m in ranking[:MOST_BARS]]
            spread = [0.0 if np.isnan(m.std) else m.std for m in ranking[:MOST_BARS]]
            title = "Columns" if level == "column" else "Groups of columns"
            charts.append(bars(title, names, values, "rise of the relative loss", spread=spread))
    note = (
        f"Rise of the loss, divided by that of the best constant prediction, on {result.rows:,} rows. Columns are "
        "permuted between rows; inputs and modalities are absent."
    )
    if result.left_out:
        note += f" Not measured in the time limit: {', '.join(result.left_out)}."
    return {"title": "Importance", "note": note, "figures": charts, "open_tables": tables}


def affinity_view(result: TaskAffinity) -> dict[str, Any]:
    """Both matrices."""
    largest = max(float(np.nanmax(np.abs(result.gain), initial=0.0)), 1e-12)
    names = list(result.tasks)
    cosine = matrix(
        "Cosine of gradients",
        names,
        names,
        result.cosine,
        x="task",
        y="task",
        note="1: two tasks pull the weights that they share in the same direction; -1: in opposite ones.",
        shade=np.nan_to_num(result.cosine),
    )
    gain = matrix(
        "Gain of a step",
        names,
        names,
        result.gain,
        x="task",
        y="trained for",
        note="Fraction by which a training step for the row's task lowers the column's loss, on other rows.",
        shade=np.nan_to_num(result.gain / largest),
    )
    return {"title": "Task affinity", "note": f"{result.rows:,} rows", "figures": [cosine, gain]}
