"""Pruning of trials. This module imports Optuna; `tuners` imports this module when a search begins."""

from __future__ import annotations

from math import ceil
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from optuna.pruners import BasePruner  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253

from medley.search.suggest import PLANNED

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_WARM_UP = 0.3
_HOPE = 1.5
_RECENT = 5


class ReachPruner(BasePruner):
    """Prunes a trial that can hardly become better than the best one.

    A completed trial shows how much is gained between a point of its schedule and its end. A trial can reach its best
    value so far less half as much again as completed trials gained from the same fraction of their schedule on (the
    median), and less a typical change from one epoch to the next. It is pruned if that is worse than the best value of
    any completed trial, and if the trial is past 30 % of its schedule. With a time limit schedules are planned to end
    with it, so that an equal fraction of a schedule is an equal fraction of the seconds. Values are minimised and
    reported once per epoch, from epoch 0; the planned number of epochs is the trial's user attribute `PLANNED`.

    Args:
        epochs: planned number of epochs of trials that do not say it.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        curves = [(_curve(other), self._planned(other)) for other in complete if other.intermediate_values]
        if not curves or not trial.intermediate_values:
            return False
        curve = _curve(trial)
        # Trials that usually stop early have a shorter schedule than planned.
        used = median(len(other) / planned for other, planned in curves)
        usual = self._planned(trial) * min(used, 1.0)
        if len(curve) <= ceil(_WARM_UP * usual):
            return False
        fraction = len(curve) / usual
        gains, changes = [], []
        for other, _ in curves:
            reached = other[: ceil(fraction * len(other))]
            gains.append(reached.min() - other.min())
            changes.append(_typical_change(reached))
        reach = curve.min() - _HOPE * median(gains) - median(changes)
        return bool(reach > min(other.min() for other, _ in curves))

    def _planned(self, trial: FrozenTrial) -> int:
        return max(trial.user_attrs.get(PLANNED, self._epochs), 1)


def _curve(trial: FrozenTrial) -> np.ndarray:
    values = np.array([value for _, value in sorted(trial.intermediate_values.items())], dtype=float)
    return np.where(np.isnan(values), np.inf, values)


def _typical_change(curve: np.ndarray) -> float:
    """Median absolute change of the value in the last epochs; a median, since a single epoch may have diverged."""
    recent = curve[-_RECENT - 1 :]
    steps = np.abs(np.diff(recent[np.isfinite(recent)]))
    return float(np.median(steps)) if len(steps) else 0.0
