"""The training loop: reads top to bottom, never waits for the device inside an epoch, yields one record per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

import torch

from medley.core.batch import Rows
from medley.model.records import Record
from medley.model.tasks import Task, measure
from medley.train.state import LoopPosition
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
    position: LoopPosition | None = None,
) -> Iterator[Record]:
    """Trains epoch by epoch, as long as the caller asks for the next record.

    Args:
        stepper: does a step over a batch.
        rows: N encoded training rows.
        tasks: measured on the rows as they pass.
        weights: head name -> factor in the total loss of a record.
        epochs: the most epochs.
        batch_size: rows per step.
        shuffle: draws the rows' order.
        validate: measures the network at the end of an epoch.
        clock: fraction of the steps -> fraction of the training that is done (more, where time runs out sooner); no
            step begins at 1.
        on_step: called after every step.
        position: where to begin, in any epoch and at any step; kept up to date. Left out, at the beginning.

    Yields:
        A record per epoch.
    """
    position = LoopPosition() if position is None else position
    steps_per_epoch = -(-rows.size // batch_size)
    total = epochs * steps_per_epoch
    while position.epoch < epochs:
        started = monotonic() - position.seconds
        if position.order is None:
            position.order = torch.randperm(rows.size, generator=shuffle)
        done = -(-position.seen // batch_size)
        batches = position.order.split(batch_size)[done:]
        for step, index in enumerate(batches, start=position.epoch * steps_per_epoch + done):
            progress = clock(step / total)
            if progress >= 1:
                break
            position.add(stepper.step(rows.take(index), progress).raw, rows.size)
            position.seconds = monotonic() - started
            on_step()
        if not position.seen:
            return
        stepper.end_epoch()
        index = position.order[: position.seen].to(rows.device)
        train_scores = measure(tasks, position.seen_outputs(), rows, weights, index, rows_only=True)
        val_scores = validate()
        record = Record(position.epoch, monotonic() - started, stepper.learning_rate, train_scores, val_scores)
        position.next_epoch()
        yield record
