"""What a report measures: predictions and labels of rows that the model has not learnt, task by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.data.sources import encode_inputs
from medley.model.derived import InputRows, derived_nodes
from medley.model.tasks import Task, tasks_of

if TYPE_CHECKING:
    from medley.core.batch import RowWeights
    from medley.core.codec import Encoded
    from medley.model.model import Model


@dataclass(frozen=True)
class TaskEvidence:
    """Predictions and labels of one task, of the N rows that have a label.

    Args:
        task: with the metrics that read these outputs and targets.
        raw: raw outputs (N, K).
        target: encoded labels (N, ...), as metrics read them.
        learned_target: (N, ...) as the model's own codec encodes them, which differs where rows have other classes.
        is_learned: (N,) False for rows of classes that the model has not learnt.
        rows: positions (N,) among all rows of the report.
        weight: sample weights (N,), or None.
        baselines: name -> raw outputs (N, K) of a baseline for the same rows.
    """

    task: Task
    raw: np.ndarray
    target: np.ndarray
    learned_target: np.ndarray
    is_learned: np.ndarray
    rows: np.ndarray
    weight: np.ndarray | None = None
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)

    def learned(self) -> TaskEvidence:
        """The rows whose label the model knows, as it encodes them."""
        keep = self.is_learned
        return TaskEvidence(
            self.task,
            self.raw[keep],
            self.learned_target[keep],
            self.learned_target[keep],
            keep[keep],
            self.rows[keep],
            None if self.weight is None else self.weight[keep],
            {name: raw[keep] for name, raw in self.baselines.items()},
        )

    @property
    def size(self) -> int:
        """N."""
        return len(self.raw)

    @property
    def labels(self) -> list[Any] | None:
        """The classes; None for numbers."""
        return self.task.codec.labels

    @property
    def is_label_set(self) -> bool:
        """Whether a row has a set of labels."""
        return self.labels is not None and self.target.ndim == 2 and self.target.shape[1] >= len(self.labels)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(N, C) of the classes."""
        return np.asarray(self.task.codec.probabilities(self.raw), float)

    @cached_property
    def classes(self) -> np.ndarray:
        """True class indices (N,), or for label sets (N, L) bool; of `learned()` rows."""
        return (
            self.target.astype(bool)
            if self.is_label_set
            else self.target.reshape(len(self.target), -1)[:, 0].astype(int)
        )

    @cached_property
    def predicted_classes(self) -> np.ndarray:
        """Class indices (N,) of the predictions, which may not be those of the highest probability."""
        assert self.labels is not None
        decoded = self.task.codec.decode(self.raw).tolist()
        places = {label: place for place, label in enumerate(self.labels)}
        return np.array([places[label] for label in decoded], int)

    @cached_property
    def truth(self) -> np.ndarray:
        """True numbers (N,) or (N, n), in the unit of the labels."""
        return np.asarray(self.task.codec.values(self.target), float)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Predicted numbers, likewise."""
        return np.asarray(self.task.codec.decode(self.raw), float)


@dataclass(frozen=True)
class Evidence:
    """Rows that the model has not learnt.

    Args:
        origin: where they come from, for readers.
        size: number of rows.
        tasks: by head.
        x: input name -> rows, where they are at hand.
        numbers: (N,) the caller's number of each row.
        seconds: it took to predict them, or None.
    """

    origin: str
    size: int
    tasks: Mapping[str, TaskEvidence]
    x: Mapping[str, Any] | None = None
    numbers: np.ndarray | None = None
    seconds: float | None = None


def of_rows(model: Model, x: Any, y: Any, root: Any, origin: str) -> Evidence:
    """Predicts labelled rows.

    Args:
        model: predicts.
        x: as in `Model.evaluate`, like the next two.
        y: labels.
        root: of relative paths.
        origin: for readers.

    Raises:
        DataError: as `Model.evaluate`.
    """
    from time import monotonic

    named_x, labels = model.labelled(x, y, root=root)
    start = monotonic()
    raw = model.predict_raw(named_x)
    seconds = monotonic() - start
    size = len(next(iter(raw.values())))
    linear = linear_outputs(model, named_x)
    tasks = {}
    for task in labels.tasks:
        outputs = {"model": raw[task.name], "constant": np.broadcast_to(task.codec.prior, raw[task.name].shape)}
        if task.name in linear:
            outputs["linear"] = linear[task.name]
        tasks[task.name] = _observed(task, outputs, labels.targets[task.name], labels.losses[task.name], labels.weight)
    return Evidence(origin, size, {name: part for name, part in tasks.items() if part.size}, named_x, None, seconds)


def of_validation(model: Model, x: Mapping[str, Any] | None = None) -> Evidence | None:
    """The predictions for validation rows that the model keeps; None if it keeps none.

    Args:
        model: a model.
        x: the rows themselves by input, where they are at hand.
    """
    validation = model.validation
    if validation is None:
        return None
    tasks = {}
    for task in tasks_of(model.graph, model.targets):
        part = validation.tasks[task.name]
        outputs = {"model": part.raw, "constant": np.broadcast_to(task.codec.prior, part.raw.shape)}
        tasks[task.name] = _observed(task, outputs, part.encoded, part.encoded, part.weight)
    tasks = {name: part for name, part in tasks.items() if part.size}
    return Evidence("validation rows of the training", len(validation.rows), tasks, x, validation.rows)


def _observed(
    task: Task, outputs: Mapping[str, np.ndarray], target: Encoded, learned: Encoded, weight: RowWeights
) -> TaskEvidence:
    rows = np.flatnonzero(target.present)
    weight = weight.get(task.name) if isinstance(weight, Mapping) else weight
    outputs = {name: np.ascontiguousarray(part[rows], np.float32) for name, part in outputs.items()}
    return TaskEvidence(
        task,
        outputs.pop("model"),
        target.array[rows],
        learned.array[rows],
        learned.present[rows],
        rows,
        None if weight is None else np.asarray(weight)[rows],
        outputs,
    )


def linear_outputs(model: Model, x: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Head name -> raw outputs (N, K) of the linear models that the network starts from; of no head if there are none.

    Args:
        model: may hold linear paths.
        x: input name -> rows.
    """
    sources = [source for source in model.sources if source.codec.spec.linear_outputs]
    if not sources:
        return {}
    encoded = encode_inputs(sources, InputRows(x, derived_nodes(model.graph)))
    outputs: dict[str, np.ndarray] = {}
    for source in sources:
        array, start = encoded[source.name].array, 1
        for head, width in source.codec.spec.linear_outputs:
            has_inputs = array[:, :1] > 0
            outputs[head] = np.where(has_inputs, array[:, start : start + width], model.targets[head].prior)
            start += width
    return outputs
