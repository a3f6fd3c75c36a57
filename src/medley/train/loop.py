"""The training loop, which yields one record per epoch and does not wait for the device within an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic

import torch

from medley.core.batch import Rows
from medley.model.records import Record
from medley.model.tasks import Task, measure
from medley.train.epoch_plan import EpochPlan
from medley.train.order import epoch_order
from medley.train.state import LoopPosition
from medley.train.stepper import Stepper


def train(
    stepper: Stepper,
    rows: Rows,
    tasks: Sequence[Task],
    weights: Mapping[str, float],
    *,
    plan: EpochPlan,
    batch_size: int,
    shuffle: torch.Generator,
    validate: Callable[[], dict[str, float]],
    clock: Callable[[float], float],
    on_step: Callable[[], None],
    position: LoopPosition | None = None,
    ranks: int = 1,
) -> Iterator[Record]:
    """Trains epoch by epoch, whenever the caller requests the next record.

    Args:
        stepper: runs the training steps.
        rows: N encoded training rows.
        tasks: their training scores are computed from the outputs of the steps.
        weights: head name -> factor in the total loss of a record.
        plan: maximum number of epochs, which may grow between two records.
        batch_size: rows per step.
        shuffle: random generator for the order of rows.
        validate: evaluates the network at the end of an epoch.
        clock: progress of the plan -> progress of the training (`Clock`); at 1 the training ends.
        on_step: called after every step.
        position: where to start, in any epoch and at any step; updated by the loop. None to start at the beginning.
        ranks: number of processes that compute a part of every batch.

    Yields:
        A record per epoch.
    """
    position = LoopPosition() if position is None else position
    steps_per_epoch = -(-rows.size // batch_size)
    while position.epoch < plan.epochs:
        start_time = monotonic() - position.seconds
        if position.order is None:
            position.order = epoch_order(rows.size, rows.row_bytes, shuffle, ranks, batch_size)
        first_step = -(-position.seen // batch_size)
        batches = position.order.split(batch_size)[first_step:]
        for step, index in enumerate(batches, start=position.epoch * steps_per_epoch + first_step):
            progress = clock(plan.progress(step, steps_per_epoch))
            if progress >= 1:
                break
            position.add(stepper.step(stepper.take(rows, index), progress).raw, rows.size)
            position.seconds = monotonic() - start_time
            on_step()
        if not position.seen:
            return
        stepper.end_epoch()
        index = position.order[: position.seen].to(rows.device)
        train_scores = measure(tasks, position.trained_outputs(), rows, weights, index, rows_only=True)
        val_scores = validate()
        record = Record(position.epoch, monotonic() - start_time, stepper.learning_rate, train_scores, val_scores)
        position.next_epoch()
        yield record
