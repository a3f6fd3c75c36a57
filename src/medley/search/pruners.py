"""Pruning of trials. This module imports Optuna; `tuners` imports this module when a search begins."""

from __future__ import annotations

from math import ceil
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from optuna.pruners import BasePruner  # noqa: TID253
from optuna.trial import TrialState  # noqa: TID253

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_WARM_UP = 0.3
_RECENT = 5


class CautiousMedianPruner(BasePruner):
    """Prunes a trial that is clearly worse than the median of the completed trials.

    Compares the best value of the trial so far with the median over completed trials of their best value up to the
    same epoch; one completed trial is enough. The trial is pruned if the difference is larger than the typical change
    of a completed trial from one epoch to the next at that point, and if the trial is past 30 % of the usual number of
    epochs. Values are minimised and reported once per epoch, from epoch 0.

    Args:
        epochs: maximum number of epochs of a trial; trials usually stop earlier.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        curves = [_curve(other) for other in complete if other.intermediate_values]
        if not curves or not trial.intermediate_values:
            return False
        curve = _curve(trial)
        usual_length = min(self._epochs, median(map(len, curves)))
        if len(curve) <= ceil(_WARM_UP * usual_length):
            return False
        curves = [other[: len(curve)] for other in curves]
        median_best = median(other.min() for other in curves)
        return bool(curve.min() > median_best + median(map(_typical_change, curves)))


def _curve(trial: FrozenTrial) -> np.ndarray:
    values = np.array([value for _, value in sorted(trial.intermediate_values.items())], dtype=float)
    return np.where(np.isnan(values), np.inf, values)


def _typical_change(curve: np.ndarray) -> float:
    """Median absolute change of the value in the last epochs; a median, since a single epoch may have diverged."""
    recent = curve[-_RECENT - 1 :]
    steps = np.abs(np.diff(recent[np.isfinite(recent)]))
    return float(np.median(steps)) if len(steps) else 0.0
