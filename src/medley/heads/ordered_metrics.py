"""Metrics of ordered classes. What is a mean over rows works on tensors, the rest on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.heads.class_metrics import BalancedAccuracy
from medley.heads.ordered_classes import OrderedCodec

if TYPE_CHECKING:
    from torch import Tensor


def steps_off(raw: Tensor, target: Tensor) -> Tensor:
    """Raw outputs (B, K-1), codes (B,) -> how many classes lie between what is predicted and what is true (B,)."""
    found = (raw.float().sigmoid().cumprod(dim=1) > 0.5).sum(dim=1)
    return (found - target.long()).abs().float()


class OrderedAccuracy(RowMetric):
    """Share of rows that are right, or off by no more than some steps.

    Args:
        reach: how many steps off still counts as right.

    >>> import torch
    >>> OrderedAccuracy().rows(torch.tensor([[2.0, -1.0]]), torch.tensor([1]))
    tensor([1.])
    """

    def __init__(self, reach: int = 0) -> None:
        self.reach = reach

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K-1), codes (B,) -> (B,) of 0 and 1."""
        return (steps_off(raw, target) <= self.reach).float()


class StepError(RowMetric):
    """Mean number of classes that predictions are off."""

    greater_is_better = False

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K-1), codes (B,) -> (B,)."""
        return steps_off(raw, target)


class OrderedCrossEntropy(RowMetric):
    """Minus the logarithm of the probability of what is true, without class weights."""

    greater_is_better = False

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K-1), codes (B,) -> (B,)."""
        from medley.heads.losses import ordered_crossentropy

        return ordered_crossentropy(raw.float(), target)


class QuadraticKappa(SetMetric):
    """Agreement beyond chance, errors weighed by their square: 1 is perfect, 0 is chance; NaN where nothing varies.

    Source: Cohen 1968, Weighted kappa. By chance, predictions and labels would be drawn apart from each other; the
    squared distance of two such draws is the sum of both variances and of the squared distance of the means.

    Args:
        codec: fitted.
    """

    def __init__(self, codec: OrderedCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        mass = np.ones(len(raw)) if weight is None else weight.astype(np.float64)
        if mass.sum() == 0:
            return float("nan")
        share, true, found = mass / mass.sum(), target.astype(np.float64), self.codec.chosen(raw)
        means = share @ true, share @ found
        chance = share @ (true - means[0]) ** 2 + share @ (found - means[1]) ** 2 + (means[0] - means[1]) ** 2
        return float(1 - share @ (true - found) ** 2 / chance) if chance > 0 else float("nan")


def ordered_metric(word: str, codec: OrderedCodec) -> Metric:
    """The metric of a canonical name (see `loss_and_metric_names.ORDERED_METRICS`)."""
    if word == "quadratic_weighted_kappa":
        return QuadraticKappa(codec)
    if word == "balanced_accuracy":
        return BalancedAccuracy(codec)
    return {
        "accuracy": OrderedAccuracy(),
        "within_one": OrderedAccuracy(1),
        "mean_absolute_error": StepError(),
        "crossentropy": OrderedCrossEntropy(),
    }[word]
