"""Optuna samplers of our own. Optuna is imported with this file: `tuners` imports it when a search begins."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler, GPSampler, RandomSampler  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_DRAWS = 32


class GreedySampler(BaseSampler):
    """Keeps the best finished trial's values and draws those of one block anew.

    A block is what stands before the last dot of a parameter's name. Parameters that the best trial lacks are
    drawn at random. A proposal that some trial has had already is drawn again, from more and more blocks, so that
    it comes again only where the space is used up. Idea: the greedy oracle of Jin et al., "AutoKeras", JMLR 2023.

    Args:
        seed: of the draws.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)

    def reseed_rng(self) -> None:
        self._rng = np.random.default_rng()
        self._random.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        # What any trial was asked: a branch that the best one did not take may come up.
        trials = study.get_trials(deepcopy=False)
        known = {name: form for one in trials for name, form in _open(one).items()}
        return known if any(one.state == TrialState.COMPLETE for one in trials) else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = study.get_trials(deepcopy=False)
        finished = [one for one in trials if one.state == TrialState.COMPLETE]
        best = _values(min(finished, key=_value)) if finished else {}
        had = [values for one in trials if one.number != trial.number and (values := _values(one))]
        blocks = sorted({_block(name) for name in best})
        proposal: dict[str, Any] = {}
        for draw in range(_DRAWS if blocks else 0):
            number = 1 + draw * len(blocks) // _DRAWS
            chosen = self._rng.choice(blocks, number, replace=False).tolist()
            kept = {name: value for name, value in best.items() if _block(name) not in chosen}
            proposal = {
                name: kept[name] if name in kept else self.sample_independent(study, trial, name, form)
                for name, form in search_space.items()
            }
            if not any(_repeats(proposal, values) for values in had):
                break
        return proposal

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)


class GaussianProcess(GPSampler):
    """Optuna's Gaussian process, silent about trials of infinite value: those are failures, and it may clip them."""

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Clip non-finite values")
            return super().sample_relative(study, trial, search_space)


def _value(trial: FrozenTrial) -> float:
    return float("inf") if trial.value is None else trial.value


def _open(trial: FrozenTrial) -> dict[str, BaseDistribution]:
    return {name: form for name, form in trial.distributions.items() if not form.single()}


def _values(trial: FrozenTrial) -> dict[str, Any]:
    return {name: trial.params[name] for name in _open(trial)}


def _block(name: str) -> str:
    return name.rpartition(".")[0]


def _repeats(proposal: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a trial of these values would come out again: the same values ask for the same names."""
    return all(name in proposal and proposal[name] == value for name, value in values.items())
