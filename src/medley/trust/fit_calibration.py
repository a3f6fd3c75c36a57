"""Fitting a calibration to validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.trust.calibration import LINKS, Calibration
from medley.trust.scores import calibration_error, log_losses
from medley.trust.validation import TaskPredictions

MIN_ROWS = 50
"""Fewer validation rows with a label are not calibrated on."""

ROWS_PER_CLASS = 20
"""Validation rows per class from which each class has a slope and an intercept of its own."""

MOST_NUMBERS = 200_000
"""Raw outputs that a calibration is fitted to; of more, those of a random sample of rows."""

STRENGTHS = (0.1, 1.0)
"""Of the penalties on slopes and intercepts of classes, times classes / rows; the cross-check chooses."""

FOLDS = 5


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
    folds = _folds(groups[rows.index])
    before = log_losses(link, raw, cells, observed)
    scores: dict[str, Any] = {
        "rows": len(raw),
        "log_loss": float(np.average(before, weights=weight)),
        "ece": calibration_error(link, raw, cells, observed, weight),
    }
    strengths = [None, *(STRENGTHS if link == "multinomial" and len(raw) >= ROWS_PER_CLASS * raw.shape[1] else ())]
    best: tuple[float, float | None, np.ndarray] | None = None
    for strength in strengths:
        calibrated = np.empty(raw.shape)
        for fold in range(FOLDS):
            train, test = folds != fold, folds == fold
            fitted = _fit(link, raw[train], cells[train], observed[train], weight[train], strength)
            calibrated[test] = fitted.apply(raw[test])
        losses = log_losses(link, calibrated, cells, observed)
        loss = float(np.average(losses, weights=weight))
        if best is None or loss < best[0]:
            best = (loss, strength, calibrated)
    assert best is not None
    loss, strength, calibrated = best
    gain = (before - log_losses(link, calibrated, cells, observed)) * weight / weight.mean()
    if not gain.mean() > gain.std() / np.sqrt(len(gain)):
        return None, {**scores, "method": None}
    calibration = _fit(link, raw, cells, observed, weight, strength)
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
    most = max(MOST_NUMBERS // task.raw.shape[1], MIN_ROWS)
    if len(index) > most:
        index = np.sort(np.random.default_rng(0).choice(index, most, replace=False))
    if len(index) < MIN_ROWS:
        return None
    raw = task.raw[index].astype(np.float64)
    return _LabelledRows(index, raw, cells[index], observed[index], weight[index])


def _folds(groups: np.ndarray) -> np.ndarray:
    """The fold of each row (N,), drawn at random; equal for rows of a group."""
    _, codes = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(0).permutation(codes.max() + 1)
    return order[codes] % FOLDS


def _fit(
    link: str, raw: np.ndarray, cells: np.ndarray, observed: np.ndarray, weight: np.ndarray, strength: float | None
) -> Calibration:
    """Temperature scaling; with a strength of penalties, structured vector scaling."""
    from scipy.optimize import minimize, minimize_scalar

    def loss(log_slope: float) -> float:
        return float(np.average(log_losses(link, raw * np.exp(log_slope), cells, observed), weights=weight))

    least: Any = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded", options={"xatol": 1e-3})
    slope = float(np.exp(least.x))
    width = raw.shape[1]
    if strength is None:
        return Calibration(np.full(width, slope), np.zeros(width))
    penalty = strength * width / len(raw)
    factor = (weight / weight.sum())[:, None]

    def structured(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logs, intercept = parameters[:width], parameters[width:]
        slopes = slope * np.exp(logs)
        scaled = raw * slopes + intercept
        total = float(np.average(log_losses(link, scaled, cells, observed), weights=weight))
        shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        error = (shifted / shifted.sum(axis=1, keepdims=True) - cells) * factor
        gradient = np.concatenate([(error * raw).sum(axis=0) * slopes, error.sum(axis=0)])
        return total + penalty * float(parameters @ parameters) / 2, gradient + penalty * parameters

    bounds = [(-2.0, 2.0)] * width + [(-20.0, 20.0)] * width
    options = {"maxiter": 50}
    result = minimize(structured, np.zeros(2 * width), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Calibration(slope * np.exp(result.x[:width]), result.x[width:])
