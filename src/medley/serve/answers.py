"""Predictions as JSON: per row and target the prediction, its probability, and a probability per class."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from medley.serve.fields import Target

Answer = dict[str, dict[str, Any]]
"""Target -> prediction and what is known about it."""


def answers_of(columns: Iterable[tuple[Any, Any]], targets: Sequence[Target]) -> list[Answer]:
    """Answers of rows.

    Args:
        columns: names and cells of the columns of predictions, with or without those of probabilities.
        targets: of the model.
    """
    cells = {name: json_cells(values) for name, values in columns}
    answers: list[Answer] = [{} for _ in range(len(next(iter(cells.values()), ())))]
    for target in targets:
        probability = cells.get(f"{target.column}_probability")
        low, high = cells.get(f"{target.column}_low"), cells.get(f"{target.column}_high")
        members = cells.get(f"{target.column}_set") if target.labels is not None and not target.is_set else None
        classes = {str(label): cells.get(f"{target.column}_{label}") for label in target.labels or ()}
        has_classes = bool(classes) and all(values is not None for values in classes.values())
        for row, answer in enumerate(answers):
            entry: dict[str, Any] = {"prediction": cells[target.name][row]}
            if probability is not None:
                entry["probability"] = probability[row]
            if low is not None and high is not None:
                entry["interval"] = [low[row], high[row]]
            if members is not None:
                entry["set"] = members[row]
            if has_classes:
                entry["probabilities"] = {label: values[row] for label, values in classes.items() if values is not None}
            answer[str(target.name)] = entry
    return answers


def json_cells(values: Any) -> list[Any]:
    """Cells of a column as JSON values."""
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [json_value(value) for value in listed]


def json_value(value: Any) -> Any:
    """A value as JSON can hold it: NaN and infinities are null, times and durations texts in ISO 8601.

    >>> json_value(float("nan")), json_value(datetime.timedelta(hours=30)), json_value({2, 1})
    (None, 'P1DT6H', [1, 2])
    """
    if isinstance(value, Enum):
        return str(value)
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.generic | np.ndarray):
        return json_value(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((json_value(item) for item in value), key=str)
    if value != value:  # NaT
        return None
    if isinstance(value, datetime.timedelta):
        return _iso_duration(value)
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _iso_duration(value: datetime.timedelta) -> str:
    seconds = value.total_seconds()
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "H"), (minutes, "M"), (rest, "S")]
    times = "".join(f"{number:g}{unit}" for number, unit in parts if number)
    if not days and not times:
        return "PT0S"
    return f"{sign}P{f'{days:g}D' if days else ''}{f'T{times}' if times else ''}"
