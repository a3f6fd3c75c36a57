"""Metrics of numbers, all in the caller's unit. What is a mean over rows works on tensors, the rest on arrays."""

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

LEAST = 1e-7  # what Keras divides by where a true number is 0


class Errors:
    """Errors of outputs in the caller's unit, cell by cell.

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
        self.curve = None if scale.is_linear else [DeviceArray(one) for one in (scale.log, scale.offset, *scale.ends)]

    def of(self, raw: Tensor, target: Tensor) -> Tensor:
        """Raw outputs (B, K), encoded targets -> (B, K), in the caller's unit."""
        raw, target = raw.float(), target[:, : self.width]
        if self.curve is not None:
            return self._number(raw) - self._number(target)
        return (raw - target) * self.deviation.on_device_of(raw)

    def true(self, target: Tensor) -> Tensor:
        """Encoded targets -> numbers (B, K) in the caller's unit."""
        return self._number(target[:, : self.width])

    def _number(self, raw: Tensor) -> Tensor:
        bent = raw * self.deviation.on_device_of(raw) + self.mean.on_device_of(raw)
        if self.curve is None:
            return bent
        # As `Scale.unbend`.
        log, offset, low, high = (one.on_device_of(raw) for one in self.curve)
        inner = bent.clamp(low, high)
        size = inner.exp()
        return bent.where(log == 0, size - offset + (bent - inner) * size)

    def mean_of(self, cells: Tensor, target: Tensor) -> Tensor:
        """Cells (B, K) -> their mean over the observed columns of each row (B,)."""
        from medley.heads.masked import known_mean

        return cells.squeeze(1) if self.width == 1 else known_mean(cells, target[:, self.width :] > 0)


class SquaredError(RowMetric):
    """Mean of squared errors."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.errors = Errors(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.errors.mean_of(self.errors.of(raw, target).square(), target)


class RootSquaredError(RowMetric):
    """Root of the mean of squared errors."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.squares = SquaredError(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.squares.rows(raw, target)

    def finish(self, mean: float) -> float:
        """The root."""
        return sqrt(mean)


class AbsoluteError(RowMetric):
    """Mean of absolute errors."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.errors = Errors(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        return self.errors.mean_of(self.errors.of(raw, target).abs(), target)


class PercentageError(RowMetric):
    """Mean of absolute errors in per cent of the true number, as Keras tells it."""

    greater_is_better = False

    def __init__(self, codec: NumberCodec) -> None:
        self.errors = Errors(codec)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, K), targets -> (B,)."""
        true = self.errors.true(target).abs().clamp(min=LEAST)
        return 100 * self.errors.mean_of(self.errors.of(raw, target).abs() / true, target)


class Determination(SetMetric):
    """R²: the share of the variance that the outputs explain, averaged over the columns that vary; NaN where none."""

    def __init__(self, codec: NumberCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _mean_over_columns(self.codec, raw, target, weight, _determination)


class Pearson(SetMetric):
    """Pearson's correlation, averaged over the columns that vary; NaN where none."""

    def __init__(self, codec: NumberCodec) -> None:
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _mean_over_columns(self.codec, raw, target, weight, _correlation)


def _mean_over_columns(
    codec: NumberCodec, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None, score: ColumnScore
) -> float:
    width = len(codec.mean)
    # A ratio of squares is the same in any unit, so only a curved scale has to be left for the caller's.
    raw, true = (one if codec.scale.is_linear else codec.in_unit(one) for one in (raw, target[:, :width]))
    raw, true = raw.astype(np.float64), true.astype(np.float64)
    mass = np.ones(len(raw)) if weight is None else weight.astype(np.float64)
    found = []
    for k in range(width):
        share = mass if width == 1 else mass * (target[:, width + k] > 0)
        if share.sum() > 0:
            found.append(score(true[:, k], raw[:, k], share / share.sum()))
    defined = [one for one in found if not np.isnan(one)]
    return float(np.mean(defined)) if defined else float("nan")


def _determination(true: np.ndarray, found: np.ndarray, share: np.ndarray) -> float:
    spread = float(share @ (true - share @ true) ** 2)
    return 1.0 - float(share @ (true - found) ** 2) / spread if spread > 0 else float("nan")


def _correlation(true: np.ndarray, found: np.ndarray, share: np.ndarray) -> float:
    true, found = true - share @ true, found - share @ found
    spread = sqrt(float(share @ true**2) * float(share @ found**2))
    return float(share @ (true * found)) / spread if spread > 0 else float("nan")


def number_metric(word: str, codec: NumberCodec) -> Metric:
    """The metric of a canonical name (see `loss_and_metric_names.NUMBER_METRICS`)."""
    return {
        "mean_squared_error": SquaredError,
        "root_mean_squared_error": RootSquaredError,
        "mean_absolute_error": AbsoluteError,
        "mean_absolute_percentage_error": PercentageError,
        "r2": Determination,
        "pearson": Pearson,
    }[word](codec)
