"""The outputs and losses of a batch: the part of a training step that all steppers share."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from medley.core.batch import Batch
from medley.graph.network import Network
from medley.heads.masked import task_loss
from medley.model.tasks import Task


def outputs_and_losses(
    network: Network, tasks: Sequence[Task], batch: Batch, precision: torch.dtype | None
) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Runs a network on a batch.

    Args:
        network: in training mode.
        tasks: its tasks.
        batch: B rows with targets.
        precision: data type of autocast, in which the network runs; None for none. Losses are computed in float32.

    Returns:
        Head name -> raw outputs (B, K) or (B, E, K), and a loss () per task.
    """
    with nullcontext() if precision is None else torch.autocast(batch.device.type, precision):
        raw = network(batch)
    weights = batch.weights
    losses = [
        task_loss(
            task.loss,
            raw[task.name],
            batch.targets[task.name],
            batch.observed[task.name],
            weights.get(task.name),
            batch.folds,
        )
        for task in tasks
    ]
    return raw, losses
