"""What a trained network predicts for the rows that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from medley.core.batch import Rows, RowWeights
from medley.core.codec import Encoded
from medley.graph.network import Network
from medley.model.tasks import Task
from medley.train.best import validation_outputs
from medley.train.fit import VALIDATION_BATCH
from medley.trust.validation import TaskPredictions, ValidationPredictions


def validation_predictions(
    network: Network,
    tasks: Sequence[Task],
    rows: Rows,
    labels: Mapping[str, Encoded],
    weight: RowWeights,
    numbers: np.ndarray | None,
    where: str,
    groups: np.ndarray | None = None,
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
    """
    outputs, _ = validation_outputs(network, tasks, rows, VALIDATION_BATCH)
    predictions = {}
    for task in tasks:
        weights = weight.get(task.name) if isinstance(weight, Mapping) else weight
        raw = outputs[task.name].float().cpu().numpy()
        predictions[task.name] = TaskPredictions(task.codec, labels[task.name], raw, weights)
    numbers = np.arange(rows.size) if numbers is None else numbers
    folds = None if rows.folds is None else rows.folds.cpu().numpy()
    return ValidationPredictions(numbers, predictions, rows.size, where, folds, groups).sample()
