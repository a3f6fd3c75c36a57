"""When to give a trial up. Optuna is imported with this file: `tuners` imports it when a search begins."""

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


class HopelessPruner(BasePruner):
    """Prunes a trial whose best epoch is clearly worse than what finished trials had reached by then.

    Compared is the best value so far with the median of the finished trials' best values up to the same epoch; one
    finished trial is enough. Clearly means: by more than finished trials moved from one epoch to the next just
    then. The first 30 % of a trial's usual length are never judged. Values are minimised and reported once per
    epoch, from 0.

    Args:
        epochs: the most epochs that a trial can have; trials usually end earlier where they stop early.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        curves = [_curve(one) for one in finished if one.intermediate_values]
        if not curves or not trial.intermediate_values:
            return False
        own = _curve(trial)
        usual = min(self._epochs, median(map(len, curves)))
        if len(own) <= ceil(_WARM_UP * usual):
            return False
        curves = [one[: len(own)] for one in curves]
        reached = median(one.min() for one in curves)
        return bool(own.min() > reached + median(map(_movement, curves)))


def _curve(trial: FrozenTrial) -> np.ndarray:
    values = np.array([value for _, value in sorted(trial.intermediate_values.items())], dtype=float)
    return np.where(np.isnan(values), np.inf, values)


def _movement(curve: np.ndarray) -> float:
    """How far each of the last few epochs moved the value; a median, since a single epoch may have blown up."""
    recent = curve[-_RECENT - 1 :]
    steps = np.abs(np.diff(recent[np.isfinite(recent)]))
    return float(np.median(steps)) if len(steps) else 0.0
