"""The number of epochs that fit into the time limit: measured by a few training steps, which are then undone."""

from __future__ import annotations

from time import monotonic

import torch

from medley.core.batch import Rows
from medley.model.forward import compute_outputs
from medley.train.run import MARGIN, TrainingRun

MIN_SECONDS, MAX_FRACTION = 0.3, 0.04
"""Approximate duration of the measurement: seconds, and maximum fraction of the remaining time."""

AMPLE_FRACTION = 0.1
"""The measurement ends early if the training will take less than this fraction of the remaining time."""

MAX_STEPS, MAX_VALIDATION_ROWS = 200, 1_024
"""Maximum number of training steps, and of validation rows, that are measured."""


def affordable_epochs(
    run: TrainingRun, rows: Rows, validation: Rows | None, epochs: int, batch_size: int, deadline: float
) -> int:
    """The number of epochs that end before the deadline, at most `epochs`, at least one.

    Training steps must end earlier: time is kept for the scores that are computed after them.

    Args:
        run: before its first step; its state is restored.
        rows: training rows.
        validation: validation rows, or None.
        epochs: maximum number of epochs.
        batch_size: rows per step.
        deadline: `time.monotonic()` at which training must be over.
    """
    if epochs == 1:
        return 1
    state = run.state()
    seconds_left = deadline - monotonic()
    seconds_to_measure = min(MIN_SECONDS, seconds_left * MAX_FRACTION)
    order = torch.randperm(rows.size)
    times: list[float] = []
    steps = epochs * -(-rows.size // batch_size)
    while len(times) < 2 or (sum(times) < seconds_to_measure and len(times) < MAX_STEPS):
        if len(times) > 1 and times[-1] * steps < AMPLE_FRACTION * seconds_left:
            break  # a small training: its time need not be known any better
        start = len(times) * batch_size % max(rows.size - batch_size + 1, 1)
        start_time = monotonic()
        run.stepper.step(rows.take(order[start : start + batch_size]), 0.0)
        _wait(rows.device)
        times.append(monotonic() - start_time)
    step_seconds = sum(times[1:]) / (len(times) - 1)  # without the first step, which includes initialisation
    validation_seconds = 0.0
    if validation is not None:
        sample = torch.arange(min(MAX_VALIDATION_ROWS, validation.size))
        start_time = monotonic()
        compute_outputs(run.network, validation, MAX_VALIDATION_ROWS, sample)
        _wait(rows.device)
        # For rows with folds, only the members of one fold are computed.
        passes = 1.0 if validation.folds is None else 0.5
        validation_seconds = (monotonic() - start_time) * passes * validation.size / len(sample)
    run.restore(state)
    epoch_seconds = step_seconds * -(-rows.size // batch_size) + validation_seconds
    # After the last epoch, groups of members are chosen if rows have folds, and final scores are computed.
    final_seconds = validation_seconds * (2 if validation is not None and validation.folds is not None else 1)
    if run.clock.deadline is not None:
        run.clock.deadline -= final_seconds
    return int(min(max(((deadline - monotonic()) * MARGIN - final_seconds) / max(epoch_seconds, 1e-6), 1), epochs))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
