"""Distillation: one small network that learns what a model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from medley.auto.distil_loss import distilled_task, join_targets
from medley.auto.distil_network import SIZES, StudentSources, student_graph
from medley.auto.distil_price import price
from medley.auto.table.graph import table_training
from medley.balance.choose import balancer
from medley.core.arguments import check_fraction, check_whole_number
from medley.core.batch import Rows
from medley.core.block import DataSummary
from medley.core.codec import Encoded
from medley.core.registry import register
from medley.core.resolve import settle
from medley.data.datasets import is_dataset
from medley.data.rows import arrange, check_counts, take
from medley.data.sources import encode_inputs
from medley.data.split import split
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean
from medley.graph.network import Network
from medley.model.derived import InputRows, derived_nodes
from medley.model.encoding import take_weights
from medley.model.forward import compute_outputs
from medley.model.labels import EncodedLabels
from medley.model.model import Model
from medley.model.operations import StudentSize
from medley.model.tasks import Task, tasks_of
from medley.search.suggest import DefaultSuggest
from medley.tables.row_counts import rows_per_pass, without_absent
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.more import some_rows, target_strata
from medley.train.plan import Training
from medley.train.validated import learn_trust
from medley.trust.trust import Trust

KEPT_METADATA = ("tasks", "left_out", "leaks", "loss_weights", "seed")
"""What a student's metadata takes over from its teacher's: the meaning of columns and targets."""


@dataclass(frozen=True)
class _Data:
    """The rows of a distillation.

    Args:
        x: input name -> rows.
        labels: head name -> encoded labels (N, ...); unobserved where there are none.
        known: labels as metrics read them, of heads with labels; None if no row has any.
        outputs: head name -> raw outputs (N, K) of the teacher; out of fold where it was trained on the row.
        out_of_fold: number of rows whose outputs are those of its validation.
        parts: positions of training rows, and of validation rows.
    """

    x: dict[str, Any]
    labels: dict[str, Encoded]
    known: EncodedLabels | None
    outputs: dict[str, np.ndarray]
    out_of_fold: int
    parts: tuple[np.ndarray, np.ndarray]


@register("auto.distil")
def distil(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    size: StudentSize = "medium",
    label_weight: float = 0.5,
    epochs: int | None = None,
    batch_size: int | None = None,
    validation_split: float = 0.2,
    root: str | Path | None = None,
    seed: int = 0,
    time_limit: float | None = None,
) -> Model:
    """Trains a student (`Model.distil`).

    Args:
        model: the teacher, which stays as it is.
        x: as in `Model.distil`, like the other arguments.
        y: likewise.
        size: likewise.
        label_weight: likewise.
        epochs: likewise.
        batch_size: likewise.
        validation_split: likewise.
        root: likewise.
        seed: likewise.
        time_limit: likewise.
    """
    start_time = monotonic()
    _check(size, label_weight, epochs, batch_size, validation_split, seed)
    data = _read(model, x, y, root, validation_split, seed)
    sources = StudentSources(model, data.x, data.parts[0])
    torch.manual_seed(seed)
    graph = student_graph(model, size, sources, len(data.parts[0]))
    fitted = sources.sources(graph)
    network = Network(graph, {source.name: source.codec.spec for source in fitted}, model.targets)
    student = Model(graph, fitted, model.targets, network, None, model.device, model.table)
    encoded = encode_inputs(fitted, InputRows(data.x, derived_nodes(graph)))
    tasks = tasks_of(graph, model.targets)
    summary = DataSummary(len(data.parts[0]), len(graph.inputs))
    plan = table_training(graph.inputs, summary, summary.rows, epochs, batch_size)
    plan = settle(plan, "training", DefaultSuggest())
    deadline = None if time_limit is None else start_time + time_limit
    stopped, scores = _train(student, tasks, data, encoded, plan, label_weight, seed, deadline)
    metadata: dict[str, Any] = {name: model.metadata[name] for name in KEPT_METADATA if name in model.metadata}
    metadata |= {"training": plan.to_json(), "scores": scores, "seed": seed}
    if data.known is not None:
        student.trust, metadata["calibration"] = _trust(student, tasks, data, encoded)
        student.trust = replace(student.trust, decisions=model.trust.decisions)
    else:
        student.trust = Trust(decisions=model.trust.decisions)
    labelled = np.zeros(len(data.parts[0]), bool)
    for labels in data.labels.values():
        labelled |= labels.present[data.parts[0]]
    student.metadata = metadata
    metadata["distilled"] = {
        "size": size,
        "label_weight": label_weight,
        "rows": {"train": len(data.parts[0]), "held_out": len(data.parts[1])},
        "unlabelled": int((~labelled).sum()),
        "out_of_fold": data.out_of_fold,
        "stopped": stopped,
        "teacher": repr(model),
        "price": price(model, student, data.x, data.parts[1], data.outputs, data.known),
    }
    return student


def _check(size: Any, label_weight: Any, epochs: Any, batch_size: Any, validation_split: Any, seed: Any) -> None:
    errors = ErrorCollector()
    if size not in SIZES:
        names = ", ".join(map(repr, SIZES))
        errors.add(f"must be one of {names}, got {size!r}.{did_you_mean(str(size), SIZES)}", argument="size")
    if isinstance(label_weight, bool) or not isinstance(label_weight, int | float) or not 0 <= label_weight <= 1:
        errors.add(f"must be a number from 0 to 1, got {label_weight!r}.", argument="label_weight")
    check_whole_number(errors, epochs, "epochs")
    check_whole_number(errors, batch_size, "batch_size")
    check_whole_number(errors, seed, "seed", at_least=0, optional=False)
    check_fraction(errors, validation_split, "validation_split")
    errors.raise_if_any(ConfigError)


def _read(model: Model, x: Any, y: Any, root: Any, validation_split: float, seed: int) -> _Data:
    """The rows, with labels as far as there are any, and what the teacher predicts for them."""
    known, has_labels = None, y is not None or isinstance(x, tuple) or is_dataset(x)
    if model.table is not None and not has_labels:
        table = model.table.read(x, root)
        if model.table.labelled(table):
            named_x, known = model.labelled(table)
        else:
            named_x = model.table.x(table)
    elif has_labels:
        named_x, known = model.labelled(x, y)
    else:
        named_x = arrange(x, model.input_names, "x")
    rows = check_counts(without_absent(named_x))
    if rows < 2:
        raise DataError(f"Distillation needs two rows at least, got {rows}.")
    labels = {name: _unobserved(model, name, rows) for name in model.targets}
    labels |= {} if known is None else known.losses
    encoded = encode_inputs(model.sources, InputRows(named_x, derived_nodes(model.graph)))
    raw = compute_outputs(model.network, Rows(encoded, device=model.device), rows_per_pass(None))
    outputs = {name: values.float().cpu().numpy() for name, values in raw.items()}
    tasks = tasks_of(model.graph, model.targets)
    parts: tuple[np.ndarray, np.ndarray] | None = None
    out_of_fold = 0
    validation = model.validation
    if validation is not None and validation.where == "training" and _is_training_table(model, labels, rows):
        for name, task in validation.tasks.items():
            outputs[name][validation.rows] = task.raw
        out_of_fold = len(validation.rows)
        if validation.folds is None:
            held_out = validation.rows
        else:
            held_out = validation.rows[validation.folds == validation.folds.max()]
        is_split = len(validation.rows) == validation.size and 0 < len(held_out) < rows
        parts = (np.setdiff1d(np.arange(rows), held_out), held_out) if is_split else None
    if parts is None:
        train, held_out = map(np.sort, split(rows, validation_split, seed, target_strata(tasks, labels)))
        parts = train, held_out
    return _Data(named_x, labels, known, outputs, out_of_fold, parts)


def _unobserved(model: Model, name: str, rows: int) -> Encoded:
    """Encoded labels of N rows without a label."""
    return model.targets[name].encode([None] * rows)


def _is_training_table(model: Model, labels: Mapping[str, Encoded], rows: int) -> bool:
    """Whether the rows are those of the teacher's training: all validation rows have the labels that they had."""
    validation = model.validation
    if validation is None or not len(validation.rows) or validation.rows[-1] >= rows:
        return False
    for name, task in validation.tasks.items():
        theirs, ours = task.encoded, labels[name]
        if ours.array.shape[1:] != theirs.array.shape[1:]:
            return False
        array, present = ours.array[validation.rows], ours.present[validation.rows]
        both = present & theirs.present
        if not both.any() or not np.array_equal(array[both], theirs.array[both]):
            return False
    return True


def _train(
    student: Model,
    tasks: list[Task],
    data: _Data,
    encoded: Mapping[str, Encoded],
    plan: Training,
    label_weight: float,
    seed: int,
    deadline: float | None,
) -> tuple[str | None, dict[str, float]]:
    """Trains the student in place; returns why it ended early, and the losses of its best epoch."""
    packed = {name: join_targets(labels, data.outputs[name]) for name, labels in data.labels.items()}
    soft = [distilled_task(task, data.labels[task.name].array, label_weight) for task in tasks]
    weight = None if data.known is None else data.known.weight
    train_rows, validation_rows = [
        Rows(some_rows(encoded, index), some_rows(packed, index), take_weights(weight, index), student.device)
        for index in data.parts
    ]
    balance = balancer(None, [task.name for task in soft], head_weights=[task.head.weight for task in soft])
    hooks = TrainingHooks(lambda scores: scores["val_loss"], deadline=deadline, by_task=False)
    result = fit(student.network, soft, balance, plan, train_rows, validation_rows, hooks, seed)
    student.network.eval()
    scores = result.records[result.best_epoch].flat() if result.records else {}
    return result.stopped, scores


def _trust(
    student: Model, tasks: list[Task], data: _Data, encoded: Mapping[str, Encoded]
) -> tuple[Trust, dict[str, Any]]:
    """What validation rows with labels tell about predictions."""
    assert data.known is not None
    index = data.parts[1]
    labels = some_rows({name: data.labels[name] for name in data.known.losses}, index)
    weight = take_weights(data.known.weight, index)
    rows = Rows(some_rows(encoded, index), labels, weight, student.device)
    learned = [task for task in tasks if task.name in labels]
    x = {name: take(values, index) for name, values in data.x.items() if values is not None}
    return learn_trust(
        student.network,
        learned,
        rows,
        labels,
        weight,
        index,
        "training",
        sources=student.sources,
        encoded=some_rows(encoded, index),
        x=x,
        table=student.table,
    )
