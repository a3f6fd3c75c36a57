"""Training hooks: objective, callbacks and deadline of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass

from medley.model.records import Record
from medley.train.eager import EagerStepper
from medley.train.plan import Training
from medley.train.state import TrainingState
from medley.train.stepper import Stepper
from medley.train.steppers import Work, choose_stepper


@dataclass(frozen=True)
class TrainingHooks:
    """Objective, callbacks and deadline of a training.

    Args:
        score: values of a record, by name -> objective to minimise.
        watch: called with every record and its score; returns a reason to stop the training, or None.
        on_step: called after every step with the number of steps of the whole training, for progress.
        on_plan: called before the first step, and when the number of epochs has grown, with this number and with the
            number without a deadline.
        on_start: called before the first step of a training, after the network was evaluated as it starts.
        on_work: called during work before the training with its name, the number of finished rows and of all rows.
        log: called with messages for the user.
        deadline: `time.monotonic()` at which training must be over, or None.
        by_task: whether each task uses the weights of its best epoch; else all use those of the best objective.
        is_interrupted: whether Ctrl-C was pressed, even if Python ignored the `KeyboardInterrupt`.
        checkpoint: called after every step and every epoch with a function that returns the current training state.
            Each call of this function copies all weights.
        on_resume: called with the records before the state that a training continues from.
        grows: whether the number of epochs may grow while training is faster than was measured at its start.
        keeps_partial: whether a training that is interrupted ends with its best epoch so far, if there is one; else
            `KeyboardInterrupt` is passed on.
        choose_stepper: gets the eager stepper, the plan and the work of a training; returns the stepper that runs it.
        on_end: called with a function that returns the training state when the training has ended, unless interrupted.
    """

    score: Callable[[dict[str, float]], float]
    watch: Callable[[Record, float], str | None] = lambda record, score: None
    _: KW_ONLY
    on_step: Callable[[int], None] = lambda total: None
    on_plan: Callable[[int, int], None] = lambda epochs, planned: None
    on_start: Callable[[], None] = lambda: None
    on_work: Callable[[str, int, int], None] = lambda name, done, total: None
    log: Callable[[str], None] = lambda line: None
    deadline: float | None = None
    by_task: bool = True
    is_interrupted: Callable[[], bool] = lambda: False
    checkpoint: Callable[[Callable[[], TrainingState]], None] = lambda take: None
    on_end: Callable[[Callable[[], TrainingState]], None] = lambda take: None
    on_resume: Callable[[Sequence[Record]], None] = lambda records: None
    grows: bool = False
    keeps_partial: bool = True
    choose_stepper: Callable[[EagerStepper, Training, Work], Stepper] = choose_stepper
