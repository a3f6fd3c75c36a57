"""The training loop: reads top to bottom, never waits for the device inside an epoch, yields one record per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

import torch
from torch import Tensor

from medley.core.batch import Rows
from medley.model.records import Record
from medley.model.tasks import Task, measure
from medley.train.stepper import Stepper


def train(
    stepper: Stepper,
    rows: Rows,
    tasks: Sequence[Task],
    weights: Mapping[str, float],
    *,
    epochs: int,
    batch_size: int,
    shuffle: torch.Generator,
    validate: Callable[[], dict[str, float]],
    clock: Callable[[float], float],
    on_step: Callable[[], None],
) -> Iterator[Record]:
    """Trains epoch by epoch, as long as the caller asks for the next record.

    Args:
        stepper: does a step over a batch.
        rows: N encoded training rows.
        tasks: what is measured on the rows as they pass.
        weights: head name -> factor in the total loss that is told.
        epochs: at most so many.
        batch_size: rows per step.
        shuffle: gives the rows' order.
        validate: measures the network at the end of an epoch.
        clock: share of the steps -> share of the training that is done (more, where time runs out sooner); a step
            is not begun at 1.
        on_step: called after every step (progress).

    Yields:
        A record per epoch.
    """
    per_epoch = -(-rows.size // batch_size)
    total = epochs * per_epoch
    for epoch in range(epochs):
        began = monotonic()
        order = torch.randperm(rows.size, generator=shuffle)
        seen: list[Tensor] = []
        passed: list[dict[str, Tensor]] = []
        for number, index in enumerate(order.split(batch_size), start=epoch * per_epoch):
            progress = clock(number / total)
            if progress >= 1:
                break
            passed.append(stepper.step(rows.take(index), progress).raw)
            seen.append(index)
            on_step()
        if not seen:
            return
        stepper.end_epoch()
        index = torch.cat(seen).to(rows.device)
        raw = {task.name: torch.cat([one[task.name] for one in passed]) for task in tasks}
        told = measure(tasks, raw, rows, weights, index, rows_only=True)
        found = validate()
        yield Record(epoch, monotonic() - began, stepper.learning_rate, told, found)
