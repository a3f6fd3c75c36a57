"""Tables and figures of tasks with numbers: predicted against true values, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.report import figures
from medley.report.figures import Figure

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


def number_figures(
    name: str, truth: np.ndarray, predicted: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> list[Figure]:
    """The figures of a numeric target.

    Args:
        name: of the target.
        truth: (N,) true values.
        predicted: (N,) predictions.
        low: (N,) lower ends of intervals, or None.
        high: (N,) upper ends.
    """
    return [
        predicted_against_true(name, truth, predicted, low, high),
        residuals_by_prediction(name, truth, predicted),
        residual_distribution(name, truth, predicted),
    ]


def predicted_against_true(
    name: str, truth: np.ndarray, predicted: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> Figure:
    """Predictions against true values, with intervals where there are some."""
    note = "On the diagonal, predictions are exact."
    series = []
    if low is not None and high is not None:
        middles, lower = _by_prediction(predicted, low)
        _, upper = _by_prediction(predicted, high)
        series = [
            figures.line("lower end of the interval", lower, middles, "dashed"),
            figures.line("upper end of the interval", upper, middles, "dashed"),
        ]
        coverage = float(((truth >= low) & (truth <= high)).mean())
        note += f" The dashed lines are the ends of intervals, which hold {coverage:.1%} of the true values."
    labels = f"true {name}", f"predicted {name}"
    return figures.hexagons(
        "Predicted against true", truth, predicted, *labels, note=note, diagonal=True, series=series
    )


def residuals_by_prediction(name: str, truth: np.ndarray, predicted: np.ndarray) -> Figure:
    """Errors by prediction, with their running mean."""
    middles, means = _by_prediction(predicted, truth - predicted)
    note = "A line off zero is a systematic error: predictions of this size are too low (above) or too high (below)."
    series = [figures.line("mean", middles, means)]
    labels = f"predicted {name}", "true - predicted"
    return figures.hexagons("Residuals", predicted, truth - predicted, *labels, note=note, series=series)


def residual_distribution(name: str, truth: np.ndarray, predicted: np.ndarray) -> Figure:
    """A histogram of errors."""
    residuals = truth - predicted
    low, high = np.quantile(residuals, [0.002, 0.998]) if len(residuals) > 500 else (residuals.min(), residuals.max())
    note = f"Mean {residuals.mean():.4g}, standard deviation {residuals.std():.4g}."
    if len(residuals) > 500:
        note += " The most extreme 0.4 % are left out."
    inside = residuals[(residuals >= low) & (residuals <= high)]
    return figures.histogram("Distribution of errors", {"rows": inside}, f"true - predicted {name}", note=note)


def error_table(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Quantiles of the absolute error."""
    errors = np.abs(truth - predicted)
    rows = [[f"{quantile:.0%} of the rows", float(np.quantile(errors, quantile))] for quantile in QUANTILES]
    return figures.table(["", "absolute error at most"], rows, caption="Absolute errors")


def _by_prediction(predicted: np.ndarray, values: np.ndarray, groups: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Mean prediction and mean value of groups of rows with similar predictions."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), min(groups, max(len(predicted) // 5, 1)))
    parts = [part for part in parts if len(part)]
    return np.array([predicted[part].mean() for part in parts]), np.array([values[part].mean() for part in parts])
