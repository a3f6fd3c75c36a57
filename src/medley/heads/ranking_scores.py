"""Scores of rankings of two classes: a few sums over sorted scores, as bootstraps and searches compute them very often.

scikit-learn's functions give the same numbers, and take ten times as long in checks of their arguments.
"""

from __future__ import annotations

import numpy as np


def area_under_roc(true: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The probability that a row of the class has a higher score than one that is not of it; ties count half.

    Args:
        true: (N,) of 0 and 1; both occur.
        score: (N,).
        weight: (N,) or None.

    >>> area_under_roc(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    positive, negative = _by_score(true, score, weight)
    below = np.cumsum(negative) - negative
    return float((positive * (below + 0.5 * negative)).sum() / (positive.sum() * negative.sum()))


def average_precision(true: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The mean precision over the rows of the class, each at the threshold of its own score; arguments are the same.

    >>> round(average_precision(np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 4)
    1.0
    """
    positive, negative = (weights[::-1] for weights in _by_score(true, score, weight))
    hits, rows = np.cumsum(positive), np.cumsum(positive + negative)
    precision = np.divide(hits, rows, out=np.zeros_like(hits), where=rows > 0)
    return float((positive * precision).sum() / positive.sum())


def _by_score(true: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The weights of rows of the class, and of others, by distinct score in ascending order."""
    values, place = np.unique(score, return_inverse=True)
    weights = np.ones(len(score)) if weight is None else np.asarray(weight, np.float64)
    is_class = np.asarray(true, bool)
    of_class = np.bincount(place, np.where(is_class, weights, 0.0), len(values))
    return of_class, np.bincount(place, np.where(is_class, 0.0, weights), len(values))
