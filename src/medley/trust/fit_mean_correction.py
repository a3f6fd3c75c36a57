"""Fitting the correction of numbers whose logarithms were fitted to validation rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medley.trust.folds import check_folds
from medley.trust.mean_correction import SLOPES, MeanCorrection
from medley.trust.validation import TaskPredictions

MIN_FACTOR_ROWS, MIN_POWER_ROWS = 200, 1_000
"""Validation rows from which numbers are multiplied by a factor, and raised to a power: with fewer, a few rows of the
tail decide."""

MOST_ROWS = 20_000
"""Rows that a correction is fitted to; of more, a random sample."""


def fit_mean_correction(
    task: TaskPredictions, groups: np.ndarray | None = None
) -> tuple[MeanCorrection | None, dict[str, Any] | None]:
    """Fits the correction of numbers to validation rows.

    For each output whose logarithm was fitted, no correction, a factor, and a factor with a power are compared by their
    squared errors in a cross-check: each fold of the rows is predicted by a correction that is fitted to the others.

    Args:
        task: predictions for N validation rows.
        groups: (N,) rows of the same group are in the same fold; None where rows are independent.

    Returns:
        The correction, or None where none reduces the squared errors; and what the cross-check has measured, as JSON,
        or None where there are too few rows or no logarithms.
    """
    is_geometric, targets = task.codec.geometric, task.codec.linear_targets(task.encoded)
    if is_geometric is None or targets is None:
        return None, None
    slope, intercept = np.ones(len(is_geometric)), np.zeros(len(is_geometric))
    before = after = 0.0
    rows = 0
    weights = np.ones(len(task.raw)) if task.weight is None else task.weight.astype(np.float64)
    for place in np.flatnonzero(is_geometric):
        column = _column(task, targets[0], targets[1][:, place] & (weights > 0), int(place))
        if column is None:
            continue
        index, raw, numbers, decode = column
        folds = check_folds((np.arange(len(task.raw)) if groups is None else groups)[index])
        (slope[place], intercept[place]), errors = _chosen(raw, numbers, weights[index], decode, folds)
        rows, before, after = max(rows, len(index)), before + errors[0], after + errors[1]
    if not rows:
        return None, None
    correction = MeanCorrection(slope, intercept)
    check: dict[str, Any] = {"rows": rows, "squared_error": before, "method": None}
    if (slope == 1).all() and (intercept == 0).all():
        return None, check
    return correction, {**check, "method": correction.method, "squared_error_calibrated": after}


Decode = Callable[[np.ndarray], np.ndarray]
Column = tuple[np.ndarray, np.ndarray, np.ndarray, Decode]


def _column(task: TaskPredictions, encoded: np.ndarray, usable: np.ndarray, place: int) -> Column | None:
    """Positions of usable rows (n,), raw outputs (n,), numbers (n,) over their deviation, and what decodes outputs."""
    usable = usable & np.isfinite(task.raw).all(axis=1) & (task.raw != task.codec.prior).any(axis=1)
    index = np.flatnonzero(usable)
    if len(index) > MOST_ROWS:
        index = np.sort(np.random.default_rng(0).choice(index, MOST_ROWS, replace=False))
    if len(index) < MIN_FACTOR_ROWS:
        return None

    def in_unit(outputs: np.ndarray) -> np.ndarray:
        filled = np.tile(np.asarray(task.codec.prior, np.float64), (len(outputs), 1))
        filled[:, place] = outputs
        return np.asarray(task.codec.decode(filled), np.float64).reshape(len(outputs), -1)[:, place]

    numbers = in_unit(encoded[index, place].astype(np.float64))
    deviation = max(float(numbers.std()), 1e-300)
    raw = task.raw[index, place].astype(np.float64)
    return index, raw, numbers / deviation, lambda outputs: in_unit(outputs) / deviation


def _chosen(
    raw: np.ndarray, numbers: np.ndarray, weight: np.ndarray, decode: Decode, folds: np.ndarray
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Slope and intercept, and the cross-checked squared errors without and with them."""
    parameters, squares = (1.0, 0.0), (decode(raw) - numbers) ** 2
    before = float(np.average(squares, weights=weight))
    for least_rows, fit in ((MIN_FACTOR_ROWS, _factor), (MIN_POWER_ROWS, _power)):
        if len(raw) < least_rows:
            continue
        predicted = np.empty(len(raw))
        for fold in np.unique(folds):
            train, test = folds != fold, folds == fold
            slope, intercept = fit(raw[train], numbers[train], weight[train], decode)
            predicted[test] = decode(raw[test] * slope + intercept)
        new_squares = (predicted - numbers) ** 2
        gain = (squares - new_squares) * weight / weight.mean()
        # A factor is expected; a power has to prove itself.
        if gain.mean() > (0.0 if fit is _factor else gain.std() / np.sqrt(len(gain))):
            parameters, squares = fit(raw, numbers, weight, decode), new_squares
    return parameters, (before, float(np.average(squares, weights=weight)))


def _factor(raw: np.ndarray, numbers: np.ndarray, weight: np.ndarray, decode: Decode) -> tuple[float, float]:
    """The intercept with which predictions and numbers have the same mean."""
    from scipy.optimize import brentq

    wanted = float(np.average(numbers, weights=weight))

    def excess(intercept: float) -> float:
        return float(np.average(decode(raw + intercept), weights=weight)) - wanted

    low, high = -2.0, 2.0
    if not excess(low) < 0 < excess(high):
        return 1.0, 0.0
    root: Any = brentq(excess, low, high, xtol=1e-4)
    return 1.0, float(root)


def _power(raw: np.ndarray, numbers: np.ndarray, weight: np.ndarray, decode: Decode) -> tuple[float, float]:
    """Slope and intercept of the least squared error."""
    from scipy.optimize import minimize

    def error(parameters: np.ndarray) -> float:
        return float(np.average((decode(raw * parameters[0] + parameters[1]) - numbers) ** 2, weights=weight))

    start = np.array(_factor(raw, numbers, weight, decode))
    bounds = [SLOPES, (-3.0, 3.0)]
    result = minimize(error, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
    return float(result.x[0]), float(result.x[1])
