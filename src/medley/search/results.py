"""What a search brought: its trials, and the models that were kept."""

from __future__ import annotations

from math import isfinite
from typing import Any

import torch

from medley.model.model import Model
from medley.search.store import Store
from medley.search.trial import TrialResult


class SearchResults:
    """The trials of a search and its best models. It can be copied and pickled, models included.

    Args:
        trials: as many as there are so far.
        keep: how many of the best models are kept.
        store: holds the models that are not in memory; None if all are.
        device: where models run.

    Attributes:
        models: number of a trial -> its model, where it is in memory.
    """

    def __init__(self, trials: list[TrialResult], keep: int, store: Store | None, device: torch.device | str) -> None:
        self.trials = trials
        self.keep = keep
        self.store = store
        self.device = device
        self.models: dict[int, Model] = {}

    def __getstate__(self) -> dict[str, Any]:
        models = {number: self.model(number) for number in self.kept if self._has(number)}
        return {"models": models, "trials": self.trials, "keep": self.keep, "device": "cpu", "store": None}

    @property
    def ranked(self) -> list[TrialResult]:
        """Results of completed trials, the best first."""
        complete = [trial for trial in self.trials if trial.state == "complete" and isfinite(trial.score)]
        return sorted(complete, key=lambda trial: (trial.score, trial.number))

    @property
    def kept(self) -> list[int]:
        """Numbers of the trials whose models are kept, the best first."""
        return [trial.number for trial in self.ranked[: self.keep]]

    def best_models(self) -> list[Model]:
        """The models that were kept, the best first."""
        return [self.model(number) for number in self.kept if self._has(number)]

    def best(self) -> Model:
        """The best trial's model."""
        return self.model(next((number for number in self.kept if self._has(number)), self.kept[0]))

    def model(self, number: int) -> Model:
        """The model of one of the kept trials.

        Raises:
            ArtifactError: its folder was removed or damaged.
        """
        if number not in self.models and self.store is not None:
            self.models[number] = self.store.load(number, self.device)
        return self.models[number]

    def _has(self, number: int) -> bool:
        return number in self.models or (self.store is not None and self.store.has_model(number))
