"""What a report measures: predictions and labels of rows that the model has not learnt, task by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medley.core.batch import Rows
from medley.errors import DataError
from medley.model.forward import compute_embeddings, compute_outputs, joined_embeddings
from medley.model.tasks import Task, tasks_of, with_decisions, with_further_metrics
from medley.report.importance import labelled_rows
from medley.report.model_rows import ModelRows
from medley.report.resampling import groups_of
from medley.tables.reading.read import Table
from medley.tables.row_counts import rows_per_pass
from medley.tables.view import is_table
from medley.trust.trust import Trust

if TYPE_CHECKING:
    from medley.core.batch import RowWeights
    from medley.core.codec import Encoded
    from medley.model.model import Model


MOST_EMBEDDED = 2_000
"""Rows whose embeddings are compared."""


@dataclass(frozen=True)
class TaskEvidence:
    """Predictions and labels of one task, of the N rows that have a label.

    Args:
        task: with the metrics that read these outputs and targets.
        raw: raw outputs (N, K), calibrated where the model is.
        network: raw outputs (N, K) of the network: before calibration and thresholds.
        trust: what the model knows about its predictions.
        target: encoded labels (N, ...), as metrics read them.
        learned_target: (N, ...) as the model's own codec encodes them, which differs where rows have other classes.
        is_learned: (N,) False for rows of classes that the model has not learnt.
        rows: positions (N,) among all rows of the report.
        weight: sample weights (N,), or None.
        baselines: name -> raw outputs (N, K) of a baseline for the same rows.
        groups: (N,) integers, equal for rows that are not independent of each other; None where all are.
    """

    task: Task
    raw: np.ndarray
    network: np.ndarray
    trust: Trust
    target: np.ndarray
    learned_target: np.ndarray
    is_learned: np.ndarray
    rows: np.ndarray
    weight: np.ndarray | None = None
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)
    groups: np.ndarray | None = None

    def learned(self) -> TaskEvidence:
        """The rows whose label the model knows, as it encodes them."""
        keep = self.is_learned
        return TaskEvidence(
            self.task,
            self.raw[keep],
            self.network[keep],
            self.trust,
            self.learned_target[keep],
            self.learned_target[keep],
            keep[keep],
            self.rows[keep],
            None if self.weight is None else self.weight[keep],
            {name: raw[keep] for name, raw in self.baselines.items()},
            None if self.groups is None else self.groups[keep],
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
    def decided(self) -> np.ndarray:
        """Raw outputs (N, K) that the codec decodes as what is predicted: after thresholds and costs."""
        return self.trust.decided(self.task.name, self.task.codec, self.network)

    @cached_property
    def predicted_classes(self) -> np.ndarray:
        """Class indices (N,) of the predictions, which may not be those of the highest probability."""
        classes = self.task.codec.predicted_indices(self.decided)
        assert classes is not None
        return classes

    @cached_property
    def predicted_labels(self) -> np.ndarray:
        """(N, L) bool, of label sets: the labels that are predicted, after thresholds."""
        return np.asarray(self.task.codec.probabilities(self.decided), float) >= 0.5

    @cached_property
    def before_calibration(self) -> np.ndarray | None:
        """Probabilities (N, C) before calibration; None where there is none."""
        if self.task.name not in self.trust.calibrations:
            return None
        return np.asarray(self.task.codec.probabilities(self.network), float)

    @cached_property
    def truth(self) -> np.ndarray:
        """True numbers (N,) or (N, n), in the unit of the labels."""
        return np.asarray(self.task.codec.values(self.target), float)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Predicted numbers, likewise."""
        return np.asarray(self.task.codec.decode(self.decided), float)


@dataclass(frozen=True)
class Evidence:
    """Rows that the model has not learnt, with its predictions.

    Args:
        origin: where they come from, for readers.
        size: number of rows.
        tasks: by head.
        rows: the rows themselves, where they are at hand.
        passed: rows and labels as `Model.evaluate` takes them, where they are at hand.
        numbers: (N,) the caller's number of each row; None if they are 0 to N - 1.
        is_seen: whether parts of the model have learnt the rows, although not those that predict them here (folds).
    """

    origin: str
    size: int
    tasks: Mapping[str, TaskEvidence]
    rows: ModelRows | None = None
    passed: tuple[Any, Any] | None = None
    numbers: np.ndarray | None = None
    is_seen: bool = False

    @cached_property
    def sample(self) -> np.ndarray:
        """Positions, ascending, of the rows whose embeddings are looked at: all, or a random sample of many."""
        order = np.random.default_rng(0).permutation(self.size)
        return np.sort(order[:MOST_EMBEDDED])

    @cached_property
    def embeddings(self) -> np.ndarray:
        """The vectors (S, D) that the heads read of the sampled rows."""
        assert self.rows is not None
        rows = Rows(self.rows.sources, device=self.rows.model.device)
        index = torch.from_numpy(self.sample)
        return joined_embeddings(compute_embeddings(self.rows.network, rows, rows_per_pass(None), index))


def of_rows(model: Model, x: Any, y: Any, root: Any) -> Evidence:
    """Predicts labelled rows.

    Args:
        model: predicts.
        x: as in `Model.evaluate`, like the next two.
        y: labels.
        root: of relative paths.

    Raises:
        DataError: as `Model.evaluate`.
    """
    origin = "the rows that were passed"
    if y is None and model.table is not None and is_table(x, model.input_names, model.table.required):
        x = model.table.read(x, root, labelled=True)  # once, for everything that reads it
        if x.origin != Table.origin:
            origin = x.origin.replace("\\", "/").rpartition("/")[2]  # the folders of a machine are nobody's business
    rows, labels = labelled_rows(model, x, y, None, root)
    computed = compute_outputs(model.network, Rows(rows.sources, device=model.device), rows_per_pass(None))
    raw = {name: outputs.cpu().numpy() for name, outputs in computed.items()}
    linear = linear_outputs(model, rows.sources)
    groups = groups_of(model, x)
    tasks = {}
    for task in labels.tasks:
        outputs = {"model": raw[task.name], "constant": np.broadcast_to(task.codec.prior, raw[task.name].shape)}
        if task.name in linear:
            outputs["linear"] = linear[task.name]
        tasks[task.name] = _observed(
            model.trust, task, outputs, labels.targets[task.name], labels.losses[task.name], labels.weight, groups
        )
    tasks = {name: part for name, part in tasks.items() if part.size}
    if not tasks:
        raise DataError("No row has a label, so there is nothing to measure.")
    return Evidence(origin, rows.size, tasks, rows, (x, y))


def of_validation(model: Model) -> Evidence | None:
    """The predictions for validation rows that the model keeps; None if it keeps none.

    Args:
        model: a model.
    """
    validation, passed = model.validation, model.validation_rows
    if validation is None:
        return None
    is_seen = validation.folds is not None
    rows = None if passed is None else ModelRows.of_inputs(model, passed[0])
    # The linear models have learnt the rows of folds, other than the members that predict them.
    linear = {} if rows is None or is_seen else linear_outputs(model, rows.sources)
    tasks = {}
    for task in with_decisions(tasks_of(model.graph, model.targets), model.trust):
        if task.name in validation.tasks:
            part = validation.tasks[task.name]
            outputs = {"model": part.raw, "constant": np.broadcast_to(task.codec.prior, part.raw.shape)}
            if task.name in linear:
                outputs["linear"] = linear[task.name]
            tasks[task.name] = _observed(
                model.trust, task, outputs, part.encoded, part.encoded, part.weight, validation.groups
            )
    tasks = {name: part for name, part in tasks.items() if part.size}
    origin = (
        "the rows of the training, each predicted by members that have not learnt it" if is_seen else "validation rows"
    )
    return Evidence(origin, len(validation.rows), tasks, rows, passed, validation.rows, is_seen)


def _observed(
    trust: Trust,
    task: Task,
    outputs: Mapping[str, np.ndarray],
    target: Encoded,
    learned: Encoded,
    weight: RowWeights,
    groups: np.ndarray | None,
) -> TaskEvidence:
    rows = np.flatnonzero(target.present)
    weight = weight.get(task.name) if isinstance(weight, Mapping) else weight
    outputs = {name: np.ascontiguousarray(part[rows], np.float32) for name, part in outputs.items()}
    network = outputs.pop("model")
    return TaskEvidence(
        with_further_metrics(task),
        np.asarray(trust.calibrated(task.name, task.codec, network), np.float32),
        network,
        trust,
        target.array[rows],
        learned.array[rows],
        learned.present[rows],
        rows,
        None if weight is None else np.asarray(weight)[rows],
        outputs,
        None if groups is None else np.unique(groups[rows], return_inverse=True)[1],
    )


def linear_outputs(model: Model, encoded: Mapping[str, Encoded]) -> dict[str, np.ndarray]:
    """Head name -> raw outputs (N, K) of the linear models that the network starts from; of no head if there are none.

    Args:
        model: may hold linear paths.
        encoded: source name -> encoded rows.
    """
    outputs: dict[str, np.ndarray] = {}
    for source in model.sources:
        array, start = encoded[source.name].array, 1
        for head, width in source.codec.spec.linear_outputs:
            has_inputs = array[:, :1] > 0
            outputs[head] = np.where(has_inputs, array[:, start : start + width], model.targets[head].prior)
            start += width
    return outputs
