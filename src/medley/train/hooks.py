"""What a caller attaches to a training: objective, callbacks and a deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from medley.model.records import Record
from medley.train.state import TrainingState


@dataclass(frozen=True)
class TrainingHooks:
    """Objective, callbacks and deadline of a training.

    Args:
        score: a record's flat values -> objective to minimise.
        watch: called with every record and its score; returns a reason to stop the training, or None.
        on_step: called after every step with the number of steps of the whole training (progress).
        on_plan: called before the first step with the number of epochs, and with the number that there would be
            without a deadline.
        on_work: called during work before the training, with its name, the rows done and all rows (progress).
        log: receives notes for the user.
        by_task: whether each task keeps the weights that were best for it; else all keep those of the best objective.
        deadline: `time.monotonic()` at which training must be over, or None.
        is_interrupted: whether Ctrl-C was pressed, also where Python has lost the `KeyboardInterrupt`.
        checkpoint: called after every step and every epoch with a function that takes the state of the training at
            this moment. Taking it copies all weights, so call the function only for a state that is kept.
    """

    score: Callable[[dict[str, float]], float]
    watch: Callable[[Record, float], str | None] = lambda record, score: None
    on_step: Callable[[int], None] = lambda total: None
    on_plan: Callable[[int, int], None] = lambda epochs, wanted: None
    on_work: Callable[[str, int, int], None] = lambda name, done, total: None
    log: Callable[[str], None] = lambda line: None
    deadline: float | None = None
    by_task: bool = True
    is_interrupted: Callable[[], bool] = lambda: False
    checkpoint: Callable[[Callable[[], TrainingState]], None] = lambda take: None
