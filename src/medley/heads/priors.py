"""The best constant predictions, used as priors. NumPy only."""

from __future__ import annotations

import numpy as np

MIN_FREQUENCY = 1e-6  # a class without training rows still needs a finite logit


def sigmoid(raw: np.ndarray) -> np.ndarray:
    """Logits -> probabilities, in float64 and without overflow.

    >>> sigmoid(np.array([0.0, 1000.0, -1000.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    return np.exp(-np.logaddexp(0.0, -np.asarray(raw, dtype=np.float64)))


def softmax(raw: np.ndarray) -> np.ndarray:
    """Logits (B, K) -> probabilities (B, K), in float64 and without overflow.

    >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
    [[0.5, 0.5]]
    """
    raw = np.asarray(raw, dtype=np.float64)
    exponentials = np.exp(raw - raw.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def best_probabilities(mass: np.ndarray, loss: str) -> np.ndarray:
    """The constant probabilities that minimise the loss.

    Args:
        mass: (K,) total weight of the rows of each class.
        loss: `"focal"`; anything else is assumed to be a proper scoring rule, for which frequencies are optimal.

    Returns:
        (K,), positive, summing to 1.

    >>> best_probabilities(np.array([3.0, 1.0]), "crossentropy").tolist()
    [0.75, 0.25]
    >>> best_probabilities(np.array([3.0, 1.0]), "focal").round(3).tolist()
    [0.601, 0.399]
    """
    total = mass.sum()
    frequencies = mass / total if total > 0 else np.full(len(mass), 1 / len(mass))
    frequencies = np.maximum(frequencies, MIN_FREQUENCY)
    frequencies /= frequencies.sum()
    return _focal(frequencies) if loss == "focal" else frequencies


def _focal(frequencies: np.ndarray) -> np.ndarray:
    # At the optimum, frequency * slope(p) is equal for all classes (Lagrange multiplier), and the slope decreases from
    # infinity to 0 in p. So p is interpolated in a table for a given multiplier, which is found by bisection.
    logits = np.linspace(-16.0, 16.0, 40001)
    grid, rest = sigmoid(logits), sigmoid(-logits)
    slope = np.log(rest**2 / grid - 2 * rest * np.log(grid))
    low, high = slope[-1], slope[0]
    for _ in range(60):
        middle = (low + high) / 2
        total = np.interp(middle - np.log(frequencies), slope[::-1], grid[::-1]).sum()
        low, high = (middle, high) if total > 1 else (low, middle)
    best = np.interp(low - np.log(frequencies), slope[::-1], grid[::-1])
    return best / best.sum()


def best_number(values: np.ndarray, weights: np.ndarray, loss: str) -> float:
    """The constant that minimises the loss.

    Args:
        values: (B,) numbers, none missing.
        weights: (B,) weights of the rows.
        loss: `"mean_absolute_error"` (the median), `"huber"`, `"log_cosh"`; anything else is the squared error.

    >>> best_number(np.array([0.0, 0.0, 9.0]), np.ones(3), "mean_absolute_error")
    0.0
    >>> best_number(np.array([0.0, 0.0, 9.0]), np.ones(3), "huber")
    0.5
    """
    if loss == "mean_absolute_error":
        return _median(values, weights)
    slopes = {"huber": lambda error: np.clip(error, -1.0, 1.0), "log_cosh": np.tanh}
    if loss not in slopes:
        return float(np.average(values, weights=weights))
    low, high = float(values.min()), float(values.max())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if weights @ slopes[loss](values - middle) > 0 else (low, middle)
    return round((low + high) / 2, 12)


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    values, below = values[order], np.cumsum(weights[order])
    half = below[-1] / 2
    index = int(np.searchsorted(below, half * (1 - 1e-12)))
    # If exactly half of the weight is below, the median is the midpoint to the next value.
    is_tied = index + 1 < len(values) and np.isclose(below[index], half, rtol=1e-12)
    return float(values[index : index + 2].mean() if is_tied else values[index])
