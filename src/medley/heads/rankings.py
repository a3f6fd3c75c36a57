"""Scores of one class: of a ranking of rows, and of the agreement of two lists of classes. All of them take weights.

Arrays of NumPy only: a report resamples them hundreds of times, and scikit-learn's checks of its arguments take a
hundred times as long as the sums.
"""

from __future__ import annotations

import numpy as np


def area_under_roc(true: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The probability that a row of the class has a higher score than one that is not; equal scores count half.

    Args:
        true: (B,) of 0 and 1, both of which occur.
        score: (B,).
        weight: (B,) > 0; None: all are 1.

    >>> area_under_roc(np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.4, 0.4]))
    0.875
    """
    hits, misses = _counts(true, score, weight)
    heights = hits + np.concatenate([[0.0], hits[:-1]])
    return float((heights * np.diff(misses, prepend=0.0)).sum() / (2 * hits[-1] * misses[-1]))


def average_precision(true: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The precision at each threshold, weighted by the recall that it adds.

    Args:
        true: (B,) of 0 and 1, both of which occur.
        score: (B,).
        weight: (B,) > 0; None: all are 1.

    >>> average_precision(np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.4, 0.6]))
    0.8333333333333333
    """
    hits, misses = _counts(true, score, weight)
    return float((np.diff(hits, prepend=0.0) * hits / (hits + misses)).sum() / hits[-1])


def _counts(true: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the rows of the class, and of all others, that reach each of the distinct scores, from the highest."""
    order = np.argsort(-score, kind="stable")
    weights = np.ones(len(order)) if weight is None else weight[order].astype(np.float64)
    hits = np.cumsum(weights * true[order])
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    return hits[last], np.cumsum(weights)[last] - hits[last]


def matthews_correlation(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The correlation of true and predicted classes (Gorodkin 2004); 0 where one of them is constant.

    Args:
        true: (B,) whole numbers from 0.
        predicted: the same.
        weight: (B,); None: all are 1.

    >>> matthews_correlation(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])).__round__(3)
    0.577
    """
    table = _table(true, predicted, weight)
    total, rows, columns = table.sum(), table.sum(axis=1), table.sum(axis=0)
    variances = (total**2 - rows @ rows) * (total**2 - columns @ columns)
    return float((np.trace(table) * total - rows @ columns) / np.sqrt(variances)) if variances > 0 else 0.0


def cohen_kappa(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The agreement of true and predicted classes beyond chance (Cohen 1960); NaN where chance cannot disagree.

    Args:
        true: (B,) whole numbers from 0.
        predicted: the same.
        weight: (B,); None: all are 1.

    >>> cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0]))
    0.5
    """
    table = _table(true, predicted, weight)
    total = table.sum()
    expected = total - table.sum(axis=1) @ table.sum(axis=0) / total
    return float(1 - (total - np.trace(table)) / expected) if expected > 0 else float("nan")


def _table(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Weighted counts (classes, classes) of pairs of a true and a predicted class."""
    size = 1 + max(int(true.max()), int(predicted.max()))
    counts = np.bincount(true * size + predicted, weight, size * size)
    return counts.reshape(size, size).astype(np.float64)
