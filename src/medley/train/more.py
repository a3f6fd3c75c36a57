"""Training a model further, on new rows."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from time import monotonic
from typing import Any, get_args

import numpy as np

from medley.balance.choose import balancer
from medley.core.arguments import check_fraction, check_whole_number
from medley.core.batch import Rows, RowWeights
from medley.core.codec import Encoded
from medley.core.words import NewClasses
from medley.data.rows import take
from medley.data.sources import encode_inputs
from medley.data.split import bins, split
from medley.errors import ConfigError, DataError, ErrorCollector
from medley.model.derived import InputRows, derived_nodes
from medley.model.encoding import encode_targets, take_weights
from medley.model.growing import add_classes
from medley.model.model import Model
from medley.model.tasks import Task, tasks_of
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training, default_learning_rate
from medley.train.validated import learn_trust

RATE = 0.1
"""Of the learning rate of the training before, what further training takes where no class is added."""

PATIENCE = 3
"""Epochs without improvement after which further training stops."""

Labelled = tuple[dict[str, Any], dict[str, Any], RowWeights]


def fit_more(
    model: Model,
    labelled: Labelled,
    *,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    validation_split: float,
    seed: int,
    time_limit: float | None,
    new_classes: NewClasses,
) -> Model:
    """Trains a copy of a model further (`Model.fit_more`).

    Args:
        model: stays as it is.
        labelled: rows by input, labels by head, and weights of rows.
        epochs: at most.
        batch_size: rows per step, or None.
        learning_rate: the highest, or None.
        validation_split: fraction of the rows to choose the best epoch by.
        seed: of the split, the order of rows and dropout.
        time_limit: seconds, or None.
        new_classes: `"refuse"` or `"add"`.
    """
    values, labels, weight = labelled
    start = monotonic()
    plan = _plan(model, epochs, batch_size, learning_rate, validation_split, seed, new_classes)
    trained, added = copy.deepcopy(model), {}
    if new_classes == "add":
        trained, added = add_classes(trained, values, labels)
    if added and learning_rate is None:
        plan = replace(plan, learning_rate=_former_rate(model))  # their layer starts at zero
    targets = encode_targets({name: trained.targets[name] for name in labels}, labels)
    encoded = encode_inputs(trained.sources, InputRows(values, derived_nodes(trained.graph)))
    size = len(next(iter(encoded.values())).array)
    if size < 2:
        raise DataError(f"Training further needs two rows at least, got {size}.")
    tasks = [task for task in tasks_of(trained.graph, trained.targets) if task.name in targets]
    parts = list(map(np.sort, split(size, validation_split, seed, target_strata(tasks, targets))))
    train_rows, validation_rows = [
        Rows(some_rows(encoded, index), some_rows(targets, index), take_weights(weight, index), trained.device)
        for index in parts
    ]
    weights = model.metadata.get("loss_weights") or {}
    factors = [weights.get(task.name, task.head.weight) for task in tasks]
    balance = balancer(None, [task.name for task in tasks], head_weights=factors)
    deadline = None if time_limit is None else start + time_limit
    hooks = TrainingHooks(lambda scores: scores["val_loss"], deadline=deadline, by_task=False)
    result = fit(trained.network, tasks, balance, plan, train_rows, validation_rows, hooks, seed, is_trained=True)
    entry = {
        "rows": size,
        "epochs": len(result.records),
        "loss_before": result.start_score,
        "loss_after": min([result.start_score, *(record.val["loss"] for record in result.records)]),
        "stopped": result.stopped,
        **({"new_classes": added} if added else {}),
    }
    held_out = (some_rows(targets, parts[1]), take_weights(weight, parts[1]), parts[1])
    origin: dict[str, Any] = {
        "sources": trained.sources,
        "encoded": some_rows(encoded, parts[1]),
        "table": trained.table,
    }
    origin["x"] = {name: take(rows, parts[1]) for name, rows in values.items() if rows is not None}
    trained.trust, calibration = learn_trust(trained.network, tasks, validation_rows, *held_out, "fit_more", **origin)
    trained.trust = replace(trained.trust, decisions=model.trust.without(added).decisions)
    trained.metadata["calibration"] = calibration
    trained.metadata["fit_more"] = [*model.metadata.get("fit_more", []), entry]
    return trained


def _plan(
    model: Model,
    epochs: int,
    batch_size: int | None,
    learning_rate: float | None,
    validation_split: float,
    seed: int,
    new_classes: NewClasses,
) -> Training:
    errors = ErrorCollector()
    if new_classes not in get_args(NewClasses):
        errors.add(f"must be 'refuse' or 'add', got {new_classes!r}.", argument="new_classes")
    check_whole_number(errors, epochs, "epochs", optional=False)
    check_whole_number(errors, batch_size, "batch_size")
    check_whole_number(errors, seed, "seed", at_least=0, optional=False)
    check_fraction(errors, validation_split, "validation_split")
    before = model.metadata.get("training") or {}
    names = {field.name for field in fields(Training)}
    plan = Training(**{name: value for name, value in before.items() if name in names})
    decay = plan.weight_decay if isinstance(plan.weight_decay, int | float) else 1e-2
    with errors.collecting(ConfigError):
        plan = replace(
            plan,
            learning_rate=_former_rate(model) * RATE if learning_rate is None else learning_rate,
            weight_decay=decay,
            epochs=epochs,
            batch_size=batch_size,
            patience=PATIENCE,
        )
    errors.raise_if_any(ConfigError)
    return plan


def _former_rate(model: Model) -> float:
    """The highest learning rate of the training before."""
    rate = (model.metadata.get("training") or {}).get("learning_rate")
    return rate if isinstance(rate, int | float) else default_learning_rate(1_000)


def some_rows(encoded: Mapping[str, Encoded], index: np.ndarray) -> dict[str, Encoded]:
    """Encoded rows at some positions."""
    return {name: Encoded(values.array[index], values.present[index]) for name, values in encoded.items()}


def target_strata(tasks: Sequence[Task], targets: Mapping[str, Encoded]) -> list[np.ndarray]:
    """Class codes (B,) of every target, for a stratified split."""
    strata = []
    for task in tasks:
        encoded = targets[task.name]
        first = encoded.array.reshape(len(encoded.array), -1)[:, 0]
        if np.issubdtype(first.dtype, np.integer):
            strata.append(np.where(encoded.present, first, -1).astype(np.int64))
        else:
            strata.append(bins(np.where(encoded.present, first, np.nan)))
    return strata
