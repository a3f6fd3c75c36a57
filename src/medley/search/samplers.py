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

    A block is what stands before the last dot of a parameter's name. Parameters that the best trial lacks are drawn
    at random. A proposal that some trial has had already is drawn again, from more blocks each time, so that it
    comes only where the space is used up. Idea: Jin et al., "Auto-Keras: An Efficient Neural Architecture Search
    System", KDD 2019, and the greedy oracle of that library.

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
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return _open(min(finished, key=_value)) if finished else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        trials = study.get_trials(deepcopy=False)
        best = min((one for one in trials if one.state == TrialState.COMPLETE), key=_value)
        others = [one for one in trials if one.number != trial.number and one.params]
        had = [{name: one.params[name] for name in _open(one)} for one in others]
        blocks = sorted({_block(name) for name in search_space})
        proposal = {}
        for draw in range(_DRAWS):
            number = min(1 + draw * len(blocks) // _DRAWS, len(blocks))
            chosen = set(self._rng.choice(blocks, number, replace=False).tolist())
            proposal = {
                name: self._random.sample_independent(study, trial, name, form)
                if _block(name) in chosen
                else best.params[name]
                for name, form in search_space.items()
            }
            if not any(_repeats(proposal, params) for params in had):
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


def _block(name: str) -> str:
    return name.rpartition(".")[0]


def _repeats(proposal: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    """Whether a trial with `params` would come out again: the same values ask for the same names."""
    return all(name in proposal and proposal[name] == value for name, value in params.items())
