"""Scores of probabilities: log loss and calibration error. NumPy only."""

from __future__ import annotations

import numpy as np

BINS = 15
"""Bins of a calibration error, with equally many predictions each."""


def log_losses(link: str, raw: np.ndarray, cells: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The log loss of each row (B,); for several labels per row, the mean over its observed ones.

    Args:
        link: `"logit"` or `"multinomial"`: the meaning of raw outputs, as in `core.codec`.
        raw: raw outputs (B, K).
        cells: (B, K) 0 and 1; one-hot rows for classes.
        observed: (B, K) bool.

    >>> log_losses("logit", np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1), bool)).round(4).tolist()
    [0.6931]
    """
    if link == "multinomial":
        shifted = raw - raw.max(axis=1, keepdims=True)
        return np.log(np.exp(shifted).sum(axis=1)) - (shifted * cells).sum(axis=1)
    losses = np.logaddexp(0.0, np.where(cells > 0.5, -raw, raw))
    return (losses * observed).sum(axis=1) / np.maximum(observed.sum(axis=1), 1)


def calibration_error(
    link: str, raw: np.ndarray, cells: np.ndarray, observed: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """The expected calibration error of the most probable classes, in `BINS` bins of equally many predictions.

    It is the mean difference of confidence and accuracy. Source: Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated
    Probabilities Using Bayesian Binning, 2015; equally filled bins: Nguyen, O'Connor, 2015.

    Args:
        link: as of `log_losses`, like the next three; each label of several per row is a prediction of its own.
        raw: raw outputs (B, K).
        cells: (B, K) 0 and 1.
        observed: (B, K) bool.
        weight: (B,), or None.
    """
    weight = np.ones(len(raw)) if weight is None else weight
    if link == "multinomial":
        shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
        predicted = raw.argmax(axis=1)
        confidence = (shifted / shifted.sum(axis=1, keepdims=True)).max(axis=1)
        is_right = cells[np.arange(len(raw)), predicted] > 0.5
    else:
        confidence = (1 / (1 + np.exp(-np.abs(raw))))[observed]
        is_right = ((raw > 0) == (cells > 0.5))[observed]
        weight = np.broadcast_to(weight[:, None], raw.shape)[observed]
    return confidence_error(confidence, is_right, weight)


def confidence_bins(confidence: np.ndarray) -> list[np.ndarray]:
    """Positions of predictions in `BINS` bins of equally many, by their confidence (B,)."""
    order = np.argsort(confidence, kind="stable")
    return np.array_split(order, min(BINS, max(len(order), 1)))


def confidence_error(confidence: np.ndarray, is_right: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The mean difference of confidence and accuracy, as in `calibration_error`.

    Args:
        confidence: (B,) probabilities of what was predicted.
        is_right: (B,) whether it was true.
        weight: (B,), or None.

    >>> confidence_error(np.full(4, 0.75), np.array([1, 1, 1, 1]))
    0.25
    """
    weight = np.ones(len(confidence)) if weight is None else weight
    gaps = [
        abs(float((weight[part] * (confidence[part] - is_right[part])).sum())) for part in confidence_bins(confidence)
    ]
    return float(sum(gaps) / max(weight.sum(), 1e-12))
