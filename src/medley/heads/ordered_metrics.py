"""Metrics of ordered classes. Means over rows are computed on tensors, all others on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.heads.class_metrics import BalancedAccuracy
from medley.heads.ordered_classes import OrderedCodec

if TYPE_CHECKING:
    from torch import Tensor


def steps_off(raw: Tensor, target: Tensor) -> Tensor:
    """Raw outputs (B, K-1), class indices (B,) -> absolute difference of predicted and true class (B,)."""
    predicted = (raw.float().sigmoid().cumprod(dim=1) > 0.5).sum(dim=1)
    return (predicted - target.long()).abs().float()


class OrderedAccuracy(RowMetric):
    """Fraction of rows whose predicted class is at most `reach` steps off.

    Args:
        reach: largest difference that counts as correct.

    >>> import torch
    >>> OrderedAccuracy().rows(torch.tensor([[2.0, -1.0]]), torch.tensor([1]))
    tensor([1.])
    """

    def __init__(self, reach: int = 0) -> None:
        self.reach = reach

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K-1), class indices (B,) -> (B,) of 0 and 1."""
        return (steps_off(raw, target) <= self.reach).float()


class StepError(RowMetric):
    """Mean absolute error in class steps."""

    greater_is_better = False

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K-1), class indices (B,) -> (B,)."""
        return steps_off(raw, target)


class OrderedCrossEntropy(RowMetric):
    """Negative log-likelihood of the true classes, without class weights."""

    greater_is_better = False
    is_likelihood = True

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K-1), class indices (B,) -> (B,)."""
        from medley.heads.losses import ordered_crossentropy

        return ordered_crossentropy(raw.float(), target)


class QuadraticKappa(SetMetric):
    """Quadratic weighted kappa: 1 is perfect agreement, 0 is chance; NaN if there is no variance.

    Source: Cohen 1968, Weighted kappa. By chance, predictions and labels are independent; their expected squared
    difference is then the sum of both variances and the squared difference of the means.

    Args:
        codec: the fitted codec.
    """

    def __init__(self, codec: OrderedCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        weights = np.ones(len(raw)) if weight is None else weight.astype(np.float64)
        if weights.sum() == 0:
            return float("nan")
        weights, true, predicted = weights / weights.sum(), target.astype(np.float64), self.codec.predicted_indices(raw)
        means = weights @ true, weights @ predicted
        chance = weights @ (true - means[0]) ** 2 + weights @ (predicted - means[1]) ** 2 + (means[0] - means[1]) ** 2
        return float(1 - weights @ (true - predicted) ** 2 / chance) if chance > 0 else float("nan")


def ordered_metric(canonical: str, codec: OrderedCodec) -> Metric:
    """The metric of a canonical name (see `loss_and_metric_names.ORDERED_METRICS`)."""
    if canonical == "quadratic_weighted_kappa":
        return QuadraticKappa(codec)
    if canonical == "balanced_accuracy":
        return BalancedAccuracy(codec)
    return {
        "accuracy": OrderedAccuracy(),
        "within_one": OrderedAccuracy(1),
        "mean_absolute_error": StepError(),
        "crossentropy": OrderedCrossEntropy(),
    }[canonical]
