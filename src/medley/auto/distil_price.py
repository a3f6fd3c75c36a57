"""The price of distillation: metrics, size and speed of teacher and student."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.data.rows import take
from medley.data.sources import encode_inputs
from medley.model.derived import InputRows, derived_nodes
from medley.model.encoding import take_weights
from medley.model.forward import compute_outputs
from medley.model.labels import EncodedLabels
from medley.model.model import Model
from medley.model.tasks import measure
from medley.tables.row_counts import rows_per_pass
from medley.train.more import some_rows

TIMED_ROWS, REPEATS = 1_000, 3


def price(
    teacher: Model,
    student: Model,
    x: Mapping[str, Any],
    index: np.ndarray,
    outputs: Mapping[str, np.ndarray],
    labels: EncodedLabels | None,
) -> list[dict[str, Any]]:
    """What the student costs and saves, on validation rows.

    Args:
        teacher: the model that it was distilled from.
        student: trained.
        x: input name -> N rows.
        index: positions of the validation rows.
        outputs: head name -> raw outputs (N, K) of the teacher.
        labels: of all rows, or None.

    Returns:
        One dict per measure: its name, and the values of both.
    """
    rows = {name: None if values is None else take(values, index) for name, values in x.items()}
    ours, encoded = _outputs(student, rows)
    measured = []
    if labels is not None:
        theirs = {name: torch.from_numpy(values[index]) for name, values in outputs.items()}
        targets = some_rows(labels.targets, index), some_rows(labels.losses, index)
        labelled = Rows(encoded, targets[0], take_weights(labels.weight, index), loss_targets=targets[1])
        weights = {task.name: task.head.weight for task in labels.tasks}
        scores = [
            measure(labels.tasks, {task.name: raw[task.name] for task in labels.tasks}, labelled, weights)
            for raw in (theirs, ours)
        ]
        measured = [{"measure": name, "teacher": scores[0][name], "student": scores[1][name]} for name in scores[0]]
    timed = {
        name: None if values is None else take(values, np.arange(min(len(index), TIMED_ROWS)))
        for name, values in rows.items()
    }
    first = {name: None if values is None else take(values, np.arange(1)) for name, values in rows.items()}
    count = min(len(index), TIMED_ROWS)
    figures: dict[str, Callable[[Model], float]] = {
        "parameters": lambda model: sum(parameter.numel() for parameter in model.network.parameters()),
        "bytes on disk": _bytes_on_disk,
        "ms for one row": lambda model: 1000 * _seconds(model, first),
        "rows per second": lambda model: count / _seconds(model, timed),
    }
    measured += [{"measure": name, "teacher": of(teacher), "student": of(student)} for name, of in figures.items()]
    return measured


def _outputs(model: Model, x: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Encoded]]:
    """Raw outputs on the CPU, and the encoded rows."""
    encoded = encode_inputs(model.sources, InputRows(x, derived_nodes(model.graph)))
    raw = compute_outputs(model.network, Rows(encoded, device=model.device), rows_per_pass(None))
    return {name: values.float().cpu() for name, values in raw.items()}, encoded


def _seconds(model: Model, x: Mapping[str, Any]) -> float:
    """Seconds to encode rows and run the network, without reading a table: the median of a few."""
    seconds = []
    for _ in range(REPEATS):
        start_time = perf_counter()
        _outputs(model, x)
        seconds.append(perf_counter() - start_time)
    return median(seconds)


def _bytes_on_disk(model: Model) -> float:
    with tempfile.TemporaryDirectory() as folder:
        saved = model.save(Path(folder) / "model")
        return sum(file.stat().st_size for file in saved.rglob("*") if file.is_file())
