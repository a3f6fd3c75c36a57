"""Trials in the process of the search, several at a time, whose training steps are computed together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import final

from medley.model.model import Model
from medley.search.attempt import attempt
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.search_spec import SearchSpec, resolved
from medley.search.trial import run
from medley.train.stacked import Lane, Stack
from medley.train.steppers import stepper_of_lane

LANES = 4
"""Default number of trials at a time: more save little."""


@final
class Stacked(Executor):
    """Runs several trials at a time, inside `poll`; those whose networks have the same structure step together.

    Such trials differ in numbers only: learning rate, weight decay, dropout probabilities, loss weights. Trials that
    are too short to pay for compiling a step run one after the other.

    Args:
        workers: number of trials at a time.
        trials: number of trials among which the time of compiling is divided; None for `workers`.
    """

    def __init__(self, workers: int = LANES, trials: int | None = None) -> None:
        self.workers = workers
        self._trials_expected = trials or workers
        self._search_spec: SearchSpec | None = None
        self._stack = Stack(workers)
        self._trials: dict[int, PendingTrial] = {}
        self._models: dict[int, Model | None] = {}
        self._note: str | None = None

    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        self._search_spec = search_spec

    def submit(self, trial: PendingTrial) -> None:
        assert self._search_spec is not None
        if trial.default is None or not trial.default.is_chosen_by(trial.suggest):
            resolved(self._search_spec, trial.suggest)  # its values are chosen now, before those of the next trial
        self._trials[trial.number] = trial
        self._stack.add(trial.number, lambda lane: self._run(trial, lane))

    def _run(self, trial: PendingTrial, lane: Lane) -> None:
        search_spec = self._search_spec
        assert search_spec is not None
        hooks = replace(trial.hooks, choose_stepper=stepper_of_lane(lane, self._trials_expected))
        arguments = (trial.suggest, hooks, trial.result, trial.default, trial.checkpoints)
        self._models[trial.number] = attempt(lambda: run(search_spec, *arguments), trial.result, trial.checkpoints)

    def poll(self) -> list[TrialOutcome]:
        outcomes = []
        for number in self._stack.run():
            trial = self._trials.pop(number)
            if self._stack.note != self._note:
                self._note = self._stack.note
                trial.hooks.log(str(self._note))
            outcomes.append(TrialOutcome(number, trial.result, self._models.pop(number, None)))
        return outcomes

    def cancel(self, number: int) -> None:
        self._stack.cancel(number)

    def close(self) -> None:
        self._search_spec = None
