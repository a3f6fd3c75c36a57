"""How many epochs of a training fit into the time there is: measured by a few steps, which are then undone."""

from __future__ import annotations

from time import monotonic

import torch

from medley.core.batch import Rows
from medley.model.forward import compute_outputs
from medley.train.run import TrainingRun

MIN_SECONDS, MAX_FRACTION = 0.3, 0.04
"""Seconds, and fraction of the time left, that measuring takes about."""

MARGIN = 0.97
"""Of the time left, what is planned: machines are not equally fast all the time."""

MAX_STEPS, VALIDATED = 200, 1_024


def affordable_epochs(
    run: TrainingRun, rows: Rows, validation: Rows | None, epochs: int, batch_size: int, deadline: float
) -> int:
    """The number of epochs that end before the deadline, at most `epochs`, at least one.

    Args:
        run: before its first step, and left so.
        rows: training rows.
        validation: rows that each epoch ends with, or None.
        epochs: the most.
        batch_size: rows per step.
        deadline: `time.monotonic()` at which training must be over.
    """
    state = run.state()
    left = deadline - monotonic()
    wanted = min(MIN_SECONDS, left * MAX_FRACTION)
    order = torch.randperm(rows.size)
    times: list[float] = []
    while len(times) < 2 or (sum(times) < wanted and len(times) < MAX_STEPS):
        start = len(times) * batch_size % max(rows.size - batch_size + 1, 1)
        before = monotonic()
        run.stepper.step(rows.take(order[start : start + batch_size]), 0.0)
        _wait(rows.device)
        times.append(monotonic() - before)
    step = sum(times[1:]) / (len(times) - 1)  # the first one allocates memory, and plans what torch runs
    validating = 0.0
    if validation is not None:
        few = torch.arange(min(VALIDATED, validation.size))
        before = monotonic()
        compute_outputs(run.network, validation, VALIDATED, few)
        _wait(rows.device)
        # Rows with folds are computed by the members of one fold only.
        passes = 1.0 if validation.folds is None else 0.5
        validating = (monotonic() - before) * passes * validation.size / len(few)
    run.restore(state)
    epoch = step * -(-rows.size // batch_size) + validating
    # After the last epoch come the choice of voters, where rows have folds, and the final scores.
    after = validating * (2 if validation is not None and validation.folds is not None else 1)
    return int(min(max(((deadline - monotonic()) * MARGIN - after) / max(epoch, 1e-6), 1), epochs))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
