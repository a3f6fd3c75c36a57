"""What is learnt from the rows that a network was not trained on: how far its predictions can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Rows, RowWeights
from medley.core.codec import Encoded
from medley.data.rows import take
from medley.data.sources import Source
from medley.graph.network import Network
from medley.model.forward import compute_embeddings, joined_embeddings
from medley.model.row_features import row_features
from medley.model.tasks import Task
from medley.tables.view import TableView
from medley.train.best import validation_outputs
from medley.train.fit import VALIDATION_BATCH
from medley.trust.fitting import fit_trust
from medley.trust.reference import MOST_ROWS, Reference
from medley.trust.trust import Trust
from medley.trust.validation import TaskPredictions, ValidationPredictions


def learn_trust(
    network: Network,
    tasks: Sequence[Task],
    rows: Rows,
    labels: Mapping[str, Encoded],
    weight: RowWeights,
    numbers: np.ndarray | None,
    where: str,
    groups: np.ndarray | None = None,
    *,
    outputs: Mapping[str, Tensor] | None = None,
    sources: Sequence[Source],
    encoded: Mapping[str, Encoded],
    x: Mapping[str, Any],
    table: TableView | None,
) -> tuple[Trust, dict[str, Any]]:
    """Learns from validation rows how far predictions can be trusted.

    Args:
        network: as of `validation_predictions`, like the next seven.
        tasks: its tasks.
        rows: N rows.
        labels: their encoded labels.
        weight: their weights.
        numbers: their numbers.
        where: what rows they are.
        groups: their groups.
        outputs: as of `validation_predictions`.
        sources: of the model.
        encoded: source name -> the rows as they were encoded.
        x: input name -> the rows themselves, as far as they are at hand.
        table: how the model reads a table, or None.

    Returns:
        As `fit_trust`.
    """
    validation = validation_predictions(network, tasks, rows, labels, weight, numbers, where, groups, outputs)
    trust, checks = fit_trust(validation)
    index, parts, sample = sample_rows(encoded, x)
    embeddings = compute_embeddings(network, rows, VALIDATION_BATCH, torch.from_numpy(index))
    reference = Reference.of(row_features(sources, parts, sample, table), joined_embeddings(embeddings))
    return replace(trust, reference=reference), checks


def sample_rows(
    encoded: Mapping[str, Encoded], x: Mapping[str, Any]
) -> tuple[np.ndarray, dict[str, Encoded], dict[str, Any]]:
    """The rows that a reference is made of, in random order, the same each time.

    Args:
        encoded: as of `learn_trust`, like `x`.
        x: the rows themselves.

    Returns:
        Their positions; they as encoded; and they themselves.
    """
    size = len(next(iter(encoded.values())).present)
    index = np.random.default_rng(0).permutation(size)[:MOST_ROWS]
    parts = {name: Encoded(np.asarray(part.array[index]), part.present[index]) for name, part in encoded.items()}
    return index, parts, {name: take(values, index) for name, values in x.items() if values is not None}


def validation_predictions(
    network: Network,
    tasks: Sequence[Task],
    rows: Rows,
    labels: Mapping[str, Encoded],
    weight: RowWeights,
    numbers: np.ndarray | None,
    where: str,
    groups: np.ndarray | None = None,
    outputs: Mapping[str, Tensor] | None = None,
) -> ValidationPredictions:
    """Predictions for validation rows; for training rows with folds, those out of fold.

    Args:
        network: trained.
        tasks: its tasks.
        rows: N rows as tensors.
        labels: head name -> their encoded labels.
        weight: sample weights (N,), or head name -> such, or None.
        numbers: (N,) the caller's number of each row; None if they are 0 to N - 1.
        where: as of `ValidationPredictions`, like the next one.
        groups: (N,) or None.
        outputs: head name -> raw outputs (N, K) for these rows; computed if left out.
    """
    outputs = outputs or validation_outputs(network, tasks, rows, VALIDATION_BATCH)[0]
    predictions = {}
    for task in tasks:
        weights = weight.get(task.name) if isinstance(weight, Mapping) else weight
        raw = outputs[task.name].float().cpu().numpy()
        predictions[task.name] = TaskPredictions(task.codec, labels[task.name], raw, weights)
    numbers = np.arange(rows.size) if numbers is None else numbers
    folds = None if rows.folds is None else rows.folds.cpu().numpy()
    return ValidationPredictions(numbers, predictions, rows.size, where, folds, groups).sample()
