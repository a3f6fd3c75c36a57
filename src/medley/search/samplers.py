"""Samplers for Optuna. This module imports Optuna; `tuners` imports this module when a search begins."""

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
    """Takes the values of the best completed trial and samples those of one block again.

    The block of a parameter is the part of its name before the last dot. Parameters that the best trial does not have
    are sampled at random. If an earlier trial already had the proposed values, values of more and more blocks are
    sampled, so a proposal is repeated only if the search space is exhausted. Idea: the greedy oracle of Jin et al.,
    "AutoKeras", JMLR 2023.

    Args:
        seed: of the random samples.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed)

    def reseed_rng(self) -> None:
        self._rng = np.random.default_rng()
        self._random.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        # The parameters of all trials, since a proposal may take a branch that the best trial did not take.
        trials = study.get_trials(deepcopy=False)
        distributions = {name: distribution for other in trials for name, distribution in _searched(other).items()}
        return distributions if any(other.state == TrialState.COMPLETE for other in trials) else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = study.get_trials(deepcopy=False)
        complete = [other for other in trials if other.state == TrialState.COMPLETE]
        best = _values(min(complete, key=_value)) if complete else {}
        earlier = [values for other in trials if other.number != trial.number and (values := _values(other))]
        blocks = sorted({_block(name) for name in best})
        proposal: dict[str, Any] = {}
        for draw in range(_DRAWS if blocks else 0):
            number = 1 + draw * len(blocks) // _DRAWS
            resampled = self._rng.choice(blocks, number, replace=False).tolist()
            fixed = {name: value for name, value in best.items() if _block(name) not in resampled}
            proposal = {
                name: fixed[name] if name in fixed else self.sample_independent(study, trial, name, distribution)
                for name, distribution in search_space.items()
            }
            if not any(_repeats(proposal, values) for values in earlier):
                break
        return proposal

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)


class GaussianProcess(GPSampler):
    """Optuna's Gaussian process without its warnings about infinite values, which come from failed trials."""

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Clip non-finite values")
            return super().sample_relative(study, trial, search_space)


def _value(trial: FrozenTrial) -> float:
    return float("inf") if trial.value is None else trial.value


def _searched(trial: FrozenTrial) -> dict[str, BaseDistribution]:
    return {name: distribution for name, distribution in trial.distributions.items() if not distribution.single()}


def _values(trial: FrozenTrial) -> dict[str, Any]:
    return {name: trial.params[name] for name in _searched(trial)}


def _block(name: str) -> str:
    return name.rpartition(".")[0]


def _repeats(proposal: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a proposal would repeat a trial with these values."""
    return all(name in proposal and proposal[name] == value for name, value in values.items())
