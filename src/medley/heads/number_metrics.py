"""Metrics of numbers in the target's unit. Means over rows are computed on tensors, all others on arrays."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.heads.numbers import NumberCodec

if TYPE_CHECKING:
    from torch import Tensor

ColumnScore = Callable[[np.ndarray, np.ndarray, np.ndarray], float]

MIN_DENOMINATOR = 1e-7  # as in Keras, for true numbers close to 0


class Errors:
    """Errors of outputs in the target's unit, per row and column.

    >>> import torch
    >>> errors = Errors(NumberCodec().fit([0.0, 20.0]))
    >>> errors.of(torch.tensor([[1.0]]), torch.tensor([[0.0]]))
    tensor([[10.]])
    """

    def __init__(self, codec: NumberCodec) -> None:
        from medley.heads.device_array import DeviceArray

        self.width = len(codec.mean)
        self.mean, self.deviation = DeviceArray(codec.mean), DeviceArray(codec.deviation)
        scale = codec.scale
        self.curve = (
            None if scale.is_linear else [DeviceArray(array) for array in (scale.log, scale.offset, *scale.ends)]
        )

    def of(self, raw: Tensor, target: Tensor) -> Tensor:
        """Raw outputs (B, K), encoded targets -> (B, K), in the target's unit."""
        raw, target = raw.float(), target[:, : self.width]
        if self.curve is not None:
            return self._number(raw) - self._number(target)
        return (raw - target) * self.deviation.on_device_of(raw)

    def true(self, target: Tensor) -> Tensor:
        """Encoded targets -> numbers (B, K) in the target's unit."""
        return self._number(target[:, : self.width])

    def _number(self, raw: Tensor) -> Tensor:
        scaled = raw * self.deviation.on_device_of(raw) + self.mean.on_device_of(raw)
        if self.curve is None:
            return scaled
        # The same formula as in `Scale.inverse_transform`.
        log, offset, low, high = (array.on_device_of(raw) for array in self.curve)
        clamped = scaled.clamp(low, high)
        exponential = clamped.exp()
        return scaled.where(log == 0, exponential - offset + (scaled - clamped) * exponential)

    def mean_of(self, cells: Tensor, target: Tensor) -> Tensor:
        """Values (B, K) -> their mean over the observed columns of each row (B,)."""
        from medley.heads.masked import observed_mean

        return cells.squeeze(1) if self.width == 1 else observed_mean(cells, target[:, self.width :] > 0)


class SquaredError(RowMetric):
    """Mean squared error."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.errors = Errors(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.errors.mean_of(self.errors.of(raw, target).square(), target)


class RootSquaredError(RowMetric):
    """Root mean squared error."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.squares = SquaredError(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.squares.rows(raw, target)

    def finish(self, mean: float) -> float:
        """The square root of the mean."""
        return sqrt(mean)


class AbsoluteError(RowMetric):
    """Mean absolute error."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.errors = Errors(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.errors.mean_of(self.errors.of(raw, target).abs(), target)


class PercentageError(RowMetric):
    """Mean absolute percentage error, in percent as in Keras."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.errors = Errors(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        true = self.errors.true(target).abs().clamp(min=MIN_DENOMINATOR)
        return 100 * self.errors.mean_of(self.errors.of(raw, target).abs() / true, target)


class Determination(SetMetric):
    """R², the explained fraction of the variance, averaged over the columns that vary; NaN if there are none."""

    def __init__(self, codec: NumberCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _mean_over_columns(self.codec, raw, target, weight, _determination)


class Pearson(SetMetric):
    """Pearson correlation, averaged over the columns that vary; NaN if there are none."""

    def __init__(self, codec: NumberCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _mean_over_columns(self.codec, raw, target, weight, _correlation)


def _mean_over_columns(
    codec: NumberCodec, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None, score: ColumnScore
) -> float:
    width = len(codec.mean)
    # R² and correlation are invariant to linear scaling, so only logarithmic scales have to be inverted.
    raw, true = (x if codec.scale.is_linear else codec.in_unit(x) for x in (raw, target[:, :width]))
    raw, true = raw.astype(np.float64), true.astype(np.float64)
    weights = np.ones(len(raw)) if weight is None else weight.astype(np.float64)
    scores = []
    for k in range(width):
        observed = weights if width == 1 else weights * (target[:, width + k] > 0)
        if observed.sum() > 0:
            scores.append(score(true[:, k], raw[:, k], observed / observed.sum()))
    defined = [column_score for column_score in scores if not np.isnan(column_score)]
    return float(np.mean(defined)) if defined else float("nan")


def _determination(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> float:
    variance = float(weights @ (true - weights @ true) ** 2)
    return 1.0 - float(weights @ (true - predicted) ** 2) / variance if variance > 0 else float("nan")


def _correlation(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> float:
    true, predicted = true - weights @ true, predicted - weights @ predicted
    scale = sqrt(float(weights @ true**2) * float(weights @ predicted**2))
    return float(weights @ (true * predicted)) / scale if scale > 0 else float("nan")


def number_metric(canonical: str, codec: NumberCodec) -> Metric:
    """The metric of a canonical name (see `loss_and_metric_names.NUMBER_METRICS`)."""
    return {
        "mean_squared_error": SquaredError,
        "root_mean_squared_error": RootSquaredError,
        "mean_absolute_error": AbsoluteError,
        "mean_absolute_percentage_error": PercentageError,
        "r2": Determination,
        "pearson": Pearson,
    }[canonical](codec)
