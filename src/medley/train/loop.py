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
        raw: dict[str, Tensor] = {}
        seen = 0
        for number, index in enumerate(order.split(batch_size), start=epoch * per_epoch):
            progress = clock(number / total)
            if progress >= 1:
                break
            for name, one in stepper.step(rows.take(index), progress).raw.items():
                if name not in raw:  # in one piece, because small pieces that stay split up the memory around them
                    raw[name] = one.new_empty((rows.size, *one.shape[1:]))
                raw[name][seen : seen + len(one)] = one
            seen += len(index)
            on_step()
        if not seen:
            return
        stepper.end_epoch()
        index = order[:seen].to(rows.device)
        told = measure(tasks, {name: one[:seen] for name, one in raw.items()}, rows, weights, index, rows_only=True)
        found = validate()
        yield Record(epoch, monotonic() - began, stepper.learning_rate, told, found)
