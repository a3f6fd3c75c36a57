"""The outputs and losses of a batch: the part of a training step that all steppers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

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
    raw = network_outputs(network, batch, precision)
    return raw, task_losses(tasks, raw, batch)


def network_outputs(network: nn.Module, batch: Batch, precision: torch.dtype | None) -> dict[str, Tensor]:
    """Head name -> raw outputs (B, K) or (B, E, K) of a network, or of what wraps it; see `outputs_and_losses`."""
    with nullcontext() if precision is None else torch.autocast(batch.device.type, precision):
        return network(batch)


def task_losses(tasks: Sequence[Task], raw: Mapping[str, Tensor], batch: Batch) -> list[Tensor]:
    """A loss () per task; see `outputs_and_losses`."""
    weights = batch.weights
    return [
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
