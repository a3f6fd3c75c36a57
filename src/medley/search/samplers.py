"""Samplers for Optuna. This module imports Optuna; `tuners` imports this module when a search begins."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution  # noqa: TID253
from optuna.samplers import BaseSampler, GPSampler, RandomSampler  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_DRAWS = 32

FIRST_WIDTH, WIDEN_AFTER = 0.15, 5
"""How far the first local moves go, as a fraction of a parameter's range; and after how many trials twice as far, and
twice as many parameters at once."""


class BestTrialSampler(BaseSampler, ABC):
    """Proposes values by those of the best completed trial; what a proposal lacks is sampled at random.

    A proposal that an earlier trial had is made again, up to 32 times.

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
        return _all_searched(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        trials = [other for other in study.get_trials(deepcopy=False) if other.number != trial.number]
        best = _best_values(trials) or _first_values(trials)
        earlier = [values for other in trials if (values := _values(other))]
        proposal: dict[str, Any] = {}
        for draw in range(_DRAWS if best else 0):
            proposed = self._propose(draw, best, search_space, len(trials))
            proposal = {
                name: proposed[name] if name in proposed else self.sample_independent(study, trial, name, distribution)
                for name, distribution in search_space.items()
            }
            if not any(_repeats(proposal, values) for values in earlier):
                break
        return proposal

    @abstractmethod
    def _propose(self, draw: int, best: Mapping[str, Any], space: Mapping[str, BaseDistribution], trials: int) -> Any:
        """Values of some parameters.

        Args:
            draw: how many proposals of this trial repeated earlier trials.
            best: values of the best trial.
            space: parameters to propose values for.
            trials: number of trials so far.
        """

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._random.sample_independent(study, trial, param_name, param_distribution)


class GreedySampler(BestTrialSampler):
    """Takes the values of the best completed trial and samples those of one block again.

    The block of a parameter is the part of its name before the last dot. Parameters that the best trial does not have
    are sampled at random. If an earlier trial already had the proposed values, values of more and more blocks are
    sampled, so a proposal is repeated only if the search space is exhausted. Idea: the greedy oracle of Jin et al.,
    "AutoKeras", JMLR 2023.

    Args:
        seed: of the random samples.
    """

    def _propose(self, draw: int, best: Mapping[str, Any], space: Mapping[str, BaseDistribution], trials: int) -> Any:
        blocks = sorted({_block(name) for name in best})
        number = 1 + draw * len(blocks) // _DRAWS
        resampled = self._rng.choice(blocks, number, replace=False).tolist()
        return {name: value for name, value in best.items() if _block(name) not in resampled}


class LocalSampler(BestTrialSampler):
    """Takes the values of the best completed trial and moves a few of them to near ones.

    The more trials there were, the more values are moved, and the further. Numbers move along their range, choices that
    are numbers along their order, and all other choices, such as kinds of blocks, to any other; these are rare at
    first. Parameters that the best trial does not have are sampled at random.

    Args:
        seed: of the random samples.
    """

    def _propose(self, draw: int, best: Mapping[str, Any], space: Mapping[str, BaseDistribution], trials: int) -> Any:
        width = (1 + (trials + draw) / WIDEN_AFTER) * FIRST_WIDTH
        names = [name for name in space if name in best]
        moved = self._chosen(names, space, width)
        return {name: self._near(best[name], space[name], width) if name in moved else best[name] for name in names}

    def _chosen(self, names: list[str], space: Mapping[str, BaseDistribution], width: float) -> set[str]:
        """The parameters that are moved: one at first, then up to as many as the width is times the first."""
        weights = np.array([1.0 if _is_ordered(space[name]) else min(width, 1.0) for name in names])
        number = self._rng.integers(1, min(int(width / FIRST_WIDTH), len(names)), endpoint=True)
        return set(self._rng.choice(names, number, replace=False, p=weights / weights.sum()).tolist())

    def _near(self, value: Any, distribution: BaseDistribution, width: float) -> Any:
        """Another value of a distribution, about `width` of its range away if it has an order."""
        distance = abs(self._rng.normal(0, min(width, 1.0))) * self._rng.choice([-1, 1])
        if isinstance(distribution, CategoricalDistribution):
            choices = list(distribution.choices)
            if not _is_ordered(distribution):
                return self._rng.choice(np.array([other for other in choices if other != value], dtype=object))
            choices.sort(key=float)  # type: ignore[arg-type]
            step = round(distance * len(choices)) or int(np.sign(distance))
            place = choices.index(value) + step
            return choices[_reflected(place, len(choices) - 1)]
        low, high = float(distribution.low), float(distribution.high)  # type: ignore[attr-defined]
        is_log = distribution.log  # type: ignore[attr-defined]
        start, end, here = (log(number) if is_log else number for number in (low, high, value))
        near = here + distance * (end - start)
        near = min(max(near, start), end) if start <= near <= end else min(max(here - (near - here), start), end)
        number = min(max(exp(near) if is_log else near, low), high)
        if isinstance(distribution, FloatDistribution):
            return number
        step = distribution.step  # type: ignore[attr-defined]
        rounded = distribution.low + round((number - low) / step) * step  # type: ignore[attr-defined]
        if rounded == value:
            rounded = value + step if distance > 0 else value - step
            rounded = rounded if low <= rounded <= high else 2 * value - rounded
        return int(min(max(rounded, low), high))


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


def _best_values(trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    """The searched values of the best completed trial."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return _values(min(complete, key=_value)) if complete else {}


def _first_values(trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    """The searched values of the first trial, the default, while it runs."""
    return _values(trials[0]) if trials and trials[0].state == TrialState.RUNNING else {}


def _all_searched(study: Study) -> dict[str, BaseDistribution]:
    """The parameters of all trials, since a proposal may take a branch that the best trial did not take."""
    trials = study.get_trials(deepcopy=False)
    distributions = {name: distribution for other in trials for name, distribution in _searched(other).items()}
    is_first_known = len(trials) > 1 and trials[0].state == TrialState.RUNNING
    return distributions if is_first_known or any(trial.state == TrialState.COMPLETE for trial in trials) else {}


def _is_ordered(distribution: BaseDistribution) -> bool:
    """Whether values lie on a line: numbers, and choices that are numbers."""
    if not isinstance(distribution, CategoricalDistribution):
        return True
    return all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in distribution.choices)


def _reflected(place: int, last: int) -> int:
    """A place in 0..last: steps beyond an end turn round there."""
    place = abs(place) if place < 0 else place
    return min(max(2 * last - place, 0), last) if place > last else place


def _searched(trial: FrozenTrial) -> dict[str, BaseDistribution]:
    return {name: distribution for name, distribution in trial.distributions.items() if not distribution.single()}


def _values(trial: FrozenTrial) -> dict[str, Any]:
    return {name: trial.params[name] for name in _searched(trial)}


def _block(name: str) -> str:
    return name.rpartition(".")[0]


def _repeats(proposal: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a proposal would repeat a trial with these values."""
    return all(name in proposal and proposal[name] == value for name, value in values.items())
