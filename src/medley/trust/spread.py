"""How large the errors of predictions are expected to be, given what the network says of a row. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from medley.core.codec import State
from medley.core.rules import Array, StateRules, Whole, require

KNOTS = 5
"""Piecewise linear terms of the prediction."""

RIDGE = 3.0
"""Penalty of the regression, in rows."""

LOWEST, HIGHEST = 0.2, 5.0
"""Spreads, divided by the middle one, between which they stay: a row never gets an interval of almost no width."""


@dataclass(frozen=True)
class Spread:
    """The expected size of errors (B,) as a function of raw outputs (B, K).

    The logarithm of the size is a linear function of the raw outputs of the target and of hinges of the output that is
    predicted, learnt by a ridge regression on the errors of validation rows: so that it works wherever predictions are
    made, in an exported model too. Raw outputs are standardised first, and stay within the range that was learnt from.

    Args:
        place: which of the outputs is predicted.
        centre: (K,) mean of raw outputs, like the next one.
        scale: (K,) their standard deviation.
        knots: (H,) where hinges begin, in standardised units.
        weights: (1 + K + H,) of the regression; all but the first are zero for a spread that is the same everywhere.
        bounds: (2,) lowest and highest logarithm.

    >>> Spread(0, np.zeros(1), np.ones(1), np.zeros(0), np.array([0.0, 1.0]), np.array([-2.0, 1.0])).of(
    ...     np.array([[0.0], [9.0]])
    ... ).round(2).tolist()
    [1.0, 2.72]
    """

    place: int
    centre: np.ndarray
    scale: np.ndarray
    knots: np.ndarray
    weights: np.ndarray
    bounds: np.ndarray

    NAMES: ClassVar[tuple[str, ...]] = ("place", "centre", "scale", "knots", "weights", "bounds")

    def of(self, raw: np.ndarray) -> np.ndarray:
        """The expected size of errors (B,), positive, of raw outputs (B, K)."""
        features = _features(raw, self.place, self.centre, self.scale, self.knots)
        return np.exp(np.clip(features @ self.weights, *self.bounds))

    def state(self) -> dict[str, Any]:
        """The state as values and arrays by name."""
        return {name: getattr(self, name) for name in self.NAMES}

    @classmethod
    def restore(cls, state: State, width: int) -> Spread:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            width: number of raw outputs K.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        values = StateRules(
            place=Whole(0, width - 1),
            centre=Array(np.float64, (width,)),
            scale=Array(np.float64, (width,), low=1e-300),
            knots=Array(np.float64, ("H",)),
            weights=Array(np.float64, (None,), low=-1e12, high=1e12),
            bounds=Array(np.float64, (2,), low=-300, high=300),
        ).read(state)
        require(len(values["weights"]) == 1 + width + len(values["knots"]), "weights must fit the knots.")
        require(values["bounds"][0] <= values["bounds"][1], "bounds must be ascending.")
        return cls(**values)


def fit_spread(raw: np.ndarray, errors: np.ndarray, place: int, width: int) -> Spread:
    """Learns a spread from the absolute errors of rows.

    Args:
        raw: raw outputs (N, K); no rows for a spread that is the same everywhere.
        errors: absolute errors (N,) of the output at `place`.
        place: which of the outputs is predicted.
        width: number of outputs K.
    """
    constant = Spread(place, np.zeros(width), np.ones(width), np.zeros(0), np.zeros(1 + width), np.zeros(2))
    if not len(raw) or not errors.any():
        return constant
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    scale = np.where(scale > 1e-9 * np.maximum(np.abs(centre), 1), scale, 1.0)
    standardised = (raw[:, place] - centre[place]) / scale[place]
    knots = np.unique(np.quantile(standardised, np.linspace(0, 1, KNOTS + 2)[1:-1]))
    middle = float(np.median(errors)) or float(errors.mean())
    logarithms = np.log(np.maximum(errors, 0.05 * middle))
    bounds = np.log(middle) + np.log([LOWEST, HIGHEST])
    features = _features(raw, place, centre, scale, knots)
    half = np.arange(len(raw)) % 2 == 0
    fitted = [_ridge(features[part], logarithms[part]) for part in (half, ~half)]
    guessed = np.where(half, features @ fitted[1], features @ fitted[0])
    means = np.where(half, logarithms[~half].mean(), logarithms[half].mean())
    if not ((logarithms - guessed) ** 2).mean() < ((logarithms - means) ** 2).mean():
        return constant
    return Spread(place, centre, scale, knots, _ridge(features, logarithms), bounds)


def _ridge(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    mean = targets.mean()
    gram = features.T @ features + RIDGE * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, features.T @ (targets - mean))
    weights[0] += mean
    return weights


def _features(raw: np.ndarray, place: int, centre: np.ndarray, scale: np.ndarray, knots: np.ndarray) -> np.ndarray:
    standardised = np.clip((np.asarray(raw, np.float64) - centre) / scale, -4.0, 4.0)
    hinges = np.maximum(standardised[:, [place]] - knots, 0.0)
    return np.concatenate([np.ones((len(raw), 1)), standardised, hinges], axis=1)
