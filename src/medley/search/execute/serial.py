"""Trials in the process of the search, one after the other: the default."""

from __future__ import annotations

from pathlib import Path
from typing import final

from medley.search.attempt import attempt
from medley.search.execute.executor import Executor, PendingTrial, TrialOutcome
from medley.search.search_spec import SearchSpec
from medley.search.trial import run


@final
class Serial(Executor):
    """Runs one trial at a time, inside `poll`."""

    def __init__(self) -> None:
        self._search_spec: SearchSpec | None = None
        self._trial: PendingTrial | None = None

    def begin(self, search_spec: SearchSpec, folder: Path) -> None:
        self._search_spec = search_spec

    def submit(self, trial: PendingTrial) -> None:
        self._trial = trial

    def poll(self) -> list[TrialOutcome]:
        trial, self._trial = self._trial, None
        if trial is None or self._search_spec is None:
            return []
        arguments = (trial.suggest, trial.hooks, trial.result, trial.default, trial.checkpoints)
        search_spec = self._search_spec
        model = attempt(lambda: run(search_spec, *arguments), trial.result, trial.checkpoints)
        return [TrialOutcome(trial.number, trial.result, model)]

    def cancel(self, number: int) -> None:
        """Does nothing: a trial that runs here asks by itself whether it is interrupted."""

    def close(self) -> None:
        self._search_spec = self._trial = None
