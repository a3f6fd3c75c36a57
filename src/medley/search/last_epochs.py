"""The end of a training: some epochs on all rows, when what validation rows can tell is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from medley.balance.balancer import Balancer
from medley.core.batch import Rows
from medley.graph.network import Network
from medley.model.tasks import Task
from medley.search.checkpoint import TrialCheckpoints
from medley.train.fit import fit
from medley.train.hooks import TrainingHooks
from medley.train.plan import Training
from medley.train.run import FitResult

EPOCHS_FRACTION = 0.5
"""Epochs on all rows, divided by those before; with a time limit, as many as fit, and at most as many as before."""

LEAST_FRACTION = 0.15
"""Epochs on all rows, divided by those before, that must fit into the time: fewer would undo more than they add."""

TIME_FRACTION = 0.37
"""Fraction of the remaining time that is kept for epochs on all rows."""

LATE = 0.6
"""Part of a training after which its best epoch must lie: one that overfits would do so again, without being seen."""


def deadline_before(plan: Training, deadline: float | None) -> float | None:
    """`time.monotonic()` at which the training on training rows must be over, so that there is time for all rows."""
    if deadline is None or plan.last_epochs == 0:
        return deadline
    return deadline - (deadline - monotonic()) * TIME_FRACTION


def epochs_on_all_rows(
    plan: Training, trained: FitResult, seconds: float, deadline: float | None, rows: Sequence[Rows]
) -> int:
    """The number of epochs on all rows; 0 where these are not wanted, or do not fit into the time.

    Args:
        plan: of the training.
        trained: its result on training rows.
        seconds: that this took.
        deadline: `time.monotonic()` at which training must be over, or None.
        rows: training rows, and validation rows if there are any.
    """
    epochs = len(trained.records)
    if len(rows) < 2 or trained.stopped not in (None, "time ran out") or trained.best_epoch + 1 < LATE * epochs:
        return 0
    if deadline is None:
        return round(epochs * EPOCHS_FRACTION) if plan.last_epochs is None else plan.last_epochs
    wanted = epochs if plan.last_epochs is None else plan.last_epochs
    epoch_seconds = seconds / max(epochs, 1) * (rows[0].size + rows[1].size) / rows[0].size
    affordable = int((deadline - monotonic()) / max(epoch_seconds, 1e-6))
    return min(wanted, affordable) if affordable >= LEAST_FRACTION * epochs else 0


def train_on_all_rows(
    network: Network,
    tasks: Sequence[Task],
    balancer: Balancer,
    plan: Training,
    rows: Sequence[Rows],
    hooks: TrainingHooks,
    seed: int,
    checkpoints: TrialCheckpoints,
) -> int:
    """Trains a network further, in place, on training rows and validation rows together.

    Args:
        network: trained on training rows.
        tasks: its tasks.
        balancer: combines their losses.
        plan: with the number of these epochs as `epochs`.
        rows: training rows and validation rows.
        hooks: of the training before.
        seed: of the order of rows, dropout and augmentation.
        checkpoints: of the trial.

    Returns:
        The number of these epochs; 0 if they did not come to their end, so that the network is of no use.

    Raises:
        KeyboardInterrupt: they were interrupted, and `hooks.keeps_partial` is False.
    """
    together = rows[0].joined(rows[1])
    hooks.log(f"{plan.epochs} more epochs with validation rows among the training rows; scores are those before them")
    last_hooks = replace(
        hooks,
        watch=lambda record, score: None,
        on_plan=lambda epochs, wanted: None,
        on_resume=lambda records: None,
        checkpoint=partial(checkpoints.offer, "last"),
        on_end=lambda take: None,
    )
    try:
        state = checkpoints.state("last")
        trained = fit(network, tasks, balancer, plan, together, None, last_hooks, seed, state, is_trained=True)
    except KeyboardInterrupt:
        if not hooks.keeps_partial:
            raise
        return 0
    return len(trained.records) if trained.stopped in (None, "time ran out") else 0
