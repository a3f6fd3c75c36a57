"""The results of a search: its trials, and the best models."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import torch

from medley.core.versions import versions
from medley.errors import ArtifactError, warn
from medley.model.model import Model
from medley.search.store import Store
from medley.search.trial import TrialResult
from medley.trust.fitting import complete_trust

MOST_LISTED = 200
"""Trials that a model's metadata lists: the best."""


def search_metadata(trials: Sequence[TrialResult], ended: str | None) -> dict[str, Any]:
    """What a model knows about the search that it is the best of, as JSON.

    Args:
        trials: all trials.
        ended: why the search ended.
    """
    listed = sorted(trials, key=lambda trial: trial.score)[:MOST_LISTED]
    rows = [
        {
            "number": trial.number,
            "state": trial.state,
            "score": trial.score if isfinite(trial.score) else None,
            "seconds": round(trial.seconds, 2),
            "size": trial.size,
            "reason": trial.reason,
            "params": trial.params,
        }
        for trial in sorted(listed, key=lambda trial: trial.number)
    ]
    return {"search": {"trials": len(trials), "ended": ended}, "trials": rows, "versions": versions()}


class SearchResults:
    """The trials of a search and its best models. Can be copied and pickled, including models.

    Args:
        trials: all trials so far.
        keep: number of best models to keep.
        store: the project that contains models which are not in memory; None if all are in memory.
        device: where models run.

    Attributes:
        models: number of a trial -> its model, if it is in memory.
    """

    def __init__(self, trials: list[TrialResult], keep: int, store: Store | None, device: torch.device | str) -> None:
        self.trials = trials
        self.keep = keep
        self.store = store
        self.device = device
        self.models: dict[int, Model] = {}

    def __getstate__(self) -> dict[str, Any]:
        models = {number: self.model(number) for number in self.best_numbers if self._has(number)}
        return {"models": models, "trials": self.trials, "keep": self.keep, "device": "cpu", "store": None}

    @property
    def ranked(self) -> list[TrialResult]:
        """Results of trials that have a model, the best first: complete ones, and one that was interrupted."""
        finished = [trial for trial in self.trials if trial.has_model and isfinite(trial.score)]
        return sorted(finished, key=lambda trial: (trial.score, trial.number))

    @property
    def best_numbers(self) -> list[int]:
        """Numbers of the best trials, whose models are kept, the best first."""
        return [trial.number for trial in self.ranked[: self.keep]]

    def best_models(self) -> list[Model]:
        """The models of the best trials, the best first."""
        return [self.model(number) for number in self.best_numbers if self._has(number)]

    def best(self) -> Model:
        """The best trial's model; where its files are damaged, which is reported, the next best.

        Raises:
            ArtifactError: no model can be loaded.
        """
        for number in self.best_numbers:
            if self._has(number):
                try:
                    return self.model(number)
                except ArtifactError as error:
                    warn(f"The model of trial {number} is left out: {error}")
        return self.model(self.best_numbers[0])

    def model(self, number: int) -> Model:
        """The model of one of the best trials.

        Raises:
            ArtifactError: the folder of the model was removed or damaged.
        """
        if number not in self.models and self.store is not None:
            self.models[number] = self.store.load(number, self.device)
        model = self.models[number]
        model.trust = complete_trust(model.trust, model.metadata)
        return model

    def _has(self, number: int) -> bool:
        return number in self.models or (self.store is not None and self.store.has_model(number))
