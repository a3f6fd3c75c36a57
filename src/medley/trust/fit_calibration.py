"""Fitting a calibration to validation rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.trust.calibration import LINKS, Calibration
from medley.trust.folds import FOLDS, check_folds
from medley.trust.scores import calibration_error, log_losses
from medley.trust.validation import MIN_CHECKED_ROWS, TaskPredictions

ROWS_PER_CLASS = 20
"""Validation rows per class from which each class has a slope and an intercept of its own."""

MOST_NUMBERS = 100_000
"""Raw outputs that a calibration is fitted to; of more, those of a random sample of rows."""

STRENGTH, STEPS = 0.3, 25
"""Of the penalties on slopes and intercepts of classes, times classes / rows; and steps of their optimisation."""


def fit_calibration(
    task: TaskPredictions, groups: np.ndarray | None = None
) -> tuple[Calibration | None, dict[str, Any] | None]:
    """Fits a calibration to validation rows.

    Temperature scaling, and structured vector scaling where there are enough rows, are compared by their log loss in a
    cross-check: each fold of the rows is predicted by a calibration that is fitted to the others.

    Args:
        task: predictions for N validation rows.
        groups: (N,) rows of the same group are in the same fold; None where rows are independent.

    Returns:
        The best calibration, or None where none reduces the log loss by more than its standard error; and what the
        cross-check has measured, as JSON, or None where there are too few rows or no probabilities.
    """
    rows = _usable_rows(task)
    if rows is None:
        return None, None
    raw, cells, observed, weight = rows.raw, rows.cells, rows.observed, rows.weight
    link = task.codec.linear_link
    groups = np.arange(len(task.raw)) if groups is None else groups
    folds = check_folds(groups[rows.index])
    before = log_losses(link, raw, cells, observed)
    scores: dict[str, Any] = {
        "rows": len(raw),
        "log_loss": float(np.average(before, weights=weight)),
        "ece": calibration_error(link, raw, cells, observed, weight),
    }
    may_be_structured = link == "multinomial" and len(raw) >= ROWS_PER_CLASS * raw.shape[1]
    best: tuple[float, bool, np.ndarray] | None = None
    for is_structured in (False, True) if may_be_structured else (False,):
        calibrated = np.empty(raw.shape)
        for fold in range(FOLDS):
            train, test = folds != fold, folds == fold
            fitted = _fit(link, raw[train], cells[train], observed[train], weight[train], is_structured=is_structured)
            calibrated[test] = fitted.apply(raw[test])
        losses = log_losses(link, calibrated, cells, observed)
        loss = float(np.average(losses, weights=weight))
        if best is None or loss < best[0]:
            best = (loss, is_structured, calibrated)
    assert best is not None
    loss, is_structured, calibrated = best
    gain = (before - log_losses(link, calibrated, cells, observed)) * weight / weight.mean()
    if not gain.mean() > gain.std() / np.sqrt(len(gain)):
        return None, {**scores, "method": None}
    calibration = _fit(link, raw, cells, observed, weight, is_structured=is_structured)
    ece = calibration_error(link, calibrated, cells, observed, weight)
    return calibration, {**scores, "method": calibration.method, "log_loss_calibrated": loss, "ece_calibrated": ece}


@dataclass(frozen=True)
class _LabelledRows:
    index: np.ndarray
    raw: np.ndarray
    cells: np.ndarray
    observed: np.ndarray
    weight: np.ndarray


def _usable_rows(task: TaskPredictions) -> _LabelledRows | None:
    """Rows with a label, a weight and a prediction other than that of rows without inputs; None if they are too few."""
    link, targets = task.codec.linear_link, task.codec.linear_targets(task.encoded)
    if task.labels is None or link not in LINKS or targets is None:
        return None
    cells, observed = targets
    weight = np.ones(len(task.raw)) if task.weight is None else task.weight.astype(np.float64)
    usable = observed.any(axis=1) & (weight > 0) & np.isfinite(task.raw).all(axis=1)
    usable &= (task.raw != task.codec.prior).any(axis=1)
    index = np.flatnonzero(usable)
    most = max(MOST_NUMBERS // task.raw.shape[1], MIN_CHECKED_ROWS)
    if len(index) > most:
        index = np.sort(np.random.default_rng(0).choice(index, most, replace=False))
    if len(index) < MIN_CHECKED_ROWS:
        return None
    raw = task.raw[index].astype(np.float64)
    return _LabelledRows(index, raw, cells[index], observed[index], weight[index])


def _fit(
    link: str,
    raw: np.ndarray,
    cells: np.ndarray,
    observed: np.ndarray,
    weight: np.ndarray,
    *,
    is_structured: bool,
) -> Calibration:
    """Temperature scaling, or structured vector scaling."""

    def loss(log_slope: float) -> float:
        return float(np.average(log_losses(link, raw * np.exp(log_slope), cells, observed), weights=weight))

    slope, width = float(np.exp(_least(loss, -3.0, 3.0))), raw.shape[1]
    if not is_structured:
        return Calibration(np.full(width, slope), np.zeros(width))
    from scipy.optimize import minimize

    penalty, factor = STRENGTH * width / len(raw), (weight / weight.sum())[:, None]

    def structured(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slopes, intercept = slope * np.exp(parameters[:width]), parameters[width:]
        scaled = raw * slopes + intercept
        scaled -= scaled.max(axis=1, keepdims=True)
        exponentials = np.exp(scaled)
        totals = exponentials.sum(axis=1, keepdims=True)
        mean = float((factor * (np.log(totals) - (scaled * cells).sum(axis=1, keepdims=True))).sum())
        error = (exponentials / totals - cells) * factor
        gradient = np.concatenate([(error * raw).sum(axis=0) * slopes, error.sum(axis=0)])
        return mean + penalty * float(parameters @ parameters) / 2, gradient + penalty * parameters

    bounds = [(-2.0, 2.0)] * width + [(-20.0, 20.0)] * width
    options = {"maxiter": STEPS}
    result = minimize(structured, np.zeros(2 * width), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Calibration(slope * np.exp(result.x[:width]), result.x[width:])


def _least(function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-3) -> float:
    """Where a function with one minimum is least, by golden section search: SciPy takes longer to import."""
    ratio = (5**0.5 - 1) / 2
    inner = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [function(place) for place in inner]
    while high - low > tolerance:
        if values[0] < values[1]:
            high, inner[1], values[1] = inner[1], inner[0], values[0]
            inner[0] = high - ratio * (high - low)
            values[0] = function(inner[0])
        else:
            low, inner[0], values[0] = inner[0], inner[1], values[1]
            inner[1] = low + ratio * (high - low)
            values[1] = function(inner[1])
    return (low + high) / 2
