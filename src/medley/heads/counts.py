"""Counts: targets of non-negative whole numbers, predicted by their expected value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from medley.core.arguments import whole_number_problems
from medley.core.codec import Encoded, LinearLink, State, TargetCodec
from medley.core.column import TaskGuess
from medley.core.head import Head, TargetKind
from medley.core.metric import Metric, RowMetric
from medley.core.row_reporting import row_number
from medley.core.rules import Array, Flag, StateRules, require
from medley.core.space import OneOf, Space, default_of, searched
from medley.core.spec import Spec
from medley.errors import ConfigError, DataError, NotFittedError
from medley.heads.loss_and_metric_names import (
    as_tuple,
    canonical_loss,
    canonical_name,
    head_option_errors,
    loss_errors,
    metric_errors,
)
from medley.heads.numbers import numeric_columns, observed_columns

if TYPE_CHECKING:
    from torch import Tensor, nn

    from medley.tables.columns.targets import TargetProfile

COUNT_LOSSES = {
    "poisson": "poisson",
    "poisson_nll": "poisson",
    "negative_binomial": "negative_binomial",
    "nb": "negative_binomial",
}
COUNT_METRICS = {
    "deviance": "deviance",
    "poisson_deviance": "deviance",
    "mean_poisson_deviance": "deviance",
    "mean_absolute_error": "mean_absolute_error",
    "mae": "mean_absolute_error",
}
MAX_LOG_RATIO = 30.0
"""Maximum of log(expected count / training mean), so that no rate is infinite in float32."""

_MIN_MEAN = 1e-6  # a column of zeros
_MIN_DISPERSION = 1e-4
_MIN_ROWS = 100
_MIN_DISTINCT = 10
_MAX_COUNT = 10_000
_MIN_DISPERSION_INDEX = 1.5
_MIN_SKEWNESS = 1.0


class CountCodec(TargetCodec):
    """K counts per row <-> K raw outputs: the logarithm of the expected count divided by the training mean.

    One column is encoded as (B, 1), several as (B, 2 K): the counts divided by their means, then a 1 for each that is
    observed. Zero raw outputs are the training means, so that a new network starts at the best constant prediction.

    Args:
        output_dim: number of columns K; default: that of the training rows.

    Raises:
        DataError: a number is negative or a fraction, a column has no count, or the number of columns differs.

    >>> codec = CountCodec().fit([0, 2, 4, None])
    >>> codec.encode([4, None]).array.tolist(), codec.decode(np.array([[0.0]])).tolist()
    ([[2.0], [0.0]], [2.0])
    """

    def __init__(self, output_dim: int | None = None) -> None:
        self.output_dim = output_dim
        self.flat = True
        self._mean: np.ndarray | None = None
        self._dispersion = np.zeros(1)

    @property
    def mean(self) -> np.ndarray:
        """(K,) float64: the mean of the training counts."""
        if self._mean is None:
            raise NotFittedError("This codec has no mean yet: call fit() first.")
        return self._mean

    @property
    def dispersion(self) -> np.ndarray:
        """(K,) float64: alpha in variance = mean + alpha mean², by the method of moments over the training rows."""
        return self._dispersion

    @property
    def labels(self) -> None:
        """None: there are no classes."""
        return None

    @property
    def spec(self) -> Spec:
        """K=1, or 2 K numbers."""
        width = len(self.mean)
        return Spec((1 if width == 1 else 2 * width,), "K")

    @property
    def prior(self) -> np.ndarray:
        """Zeros (K,): the training means, which minimise the deviance of a constant prediction."""
        return np.zeros(len(self.mean), np.float32)

    def fit(self, values: Any) -> Self:
        """Learns mean and dispersion of every column from its observed rows."""
        counts, self.flat = _counts(values)
        width = counts.shape[1]
        if self.output_dim not in (None, width):
            raise DataError(f"Expect the target data to have shape (B, {self.output_dim}), but got (B, {width}).")
        empty = np.flatnonzero(np.isnan(counts).all(axis=0))
        if len(empty):
            raise DataError(f"The target data has no count in column {empty[0]}: all {len(counts)} rows are missing.")
        # The loss of a row is a mean over its observed columns, so a count has more weight if few are observed.
        observed = ~np.isnan(counts)
        weights = observed / np.maximum(observed.sum(axis=1, keepdims=True), 1)
        mean = np.nansum(counts * weights, axis=0) / weights.sum(axis=0)
        self._mean = mean = np.maximum(mean, _MIN_MEAN)
        dispersion = (np.nanvar(counts, axis=0) - mean) / mean**2
        self._dispersion = np.maximum(dispersion, _MIN_DISPERSION)
        return self

    def encode(self, values: Any) -> Encoded:
        """Counts -> (B, 1), or (B, 2 K): counts divided by their means, then 1 where observed; 0 where missing."""
        counts, _ = _counts(values)
        if counts.shape[1] != len(self.mean):
            raise DataError(
                f"Expect the target data to have shape (B, {len(self.mean)}), but got (B, {counts.shape[1]})."
            )
        observed = ~np.isnan(counts)
        scaled = np.where(observed, counts / self.mean, 0.0)
        cells = scaled if len(self.mean) == 1 else np.concatenate([scaled, observed], axis=1)
        return Encoded(cells.astype(np.float32), np.any(observed, axis=1))

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """The counts divided by their means (B, K)."""
        return observed_columns(encoded, len(self.mean))

    @property
    def linear_link(self) -> LinearLink:
        return "log"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, ...) -> counts, NaN where unobserved: the inverse of `encode`."""
        width = len(self.mean)
        target = np.asarray(target, np.float64)
        scaled = target if width == 1 else np.where(target[:, width:] > 0, target[:, :width], np.nan)
        counts = np.round(scaled * self.mean, 3)
        return counts[:, 0] if self.flat else counts

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> expected counts, never negative, in the shape of the training targets."""
        ratio = np.exp(np.minimum(np.asarray(raw, dtype=np.float64), MAX_LOG_RATIO))
        expected = ratio * self.mean
        return expected[:, 0] if self.flat else expected

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """The same as `decode`."""
        return self.decode(raw)

    def state(self) -> dict[str, Any]:
        """The fitted state."""
        return {"flat": self.flat, "mean": self.mean, "dispersion": self._dispersion}

    RULES = StateRules(
        flat=Flag(), mean=Array(np.float64, ("K",), low=1e-300), dispersion=Array(np.float64, ("K",), low=0.0)
    )

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self.flat, self._mean, self._dispersion = values["flat"], values["mean"], values["dispersion"]
        require(len(self.mean), "mean must have a number, got none.")
        return self


class CountHead(Head, register="heads.counts"):
    """Count regression head for one or several counts per row, such as visits, claims or comments.

    Targets are non-negative whole numbers of shape (B,), (B, 1) or (B, K), with None or NaN where missing. Predictions
    are expected counts, whose logarithm is modelled, so that they are never negative. Missing counts are unobserved: a
    row that lacks some of its K counts still trains the others.

    Args:
        output_dim: number of columns K; default: that of the targets.
        loss: `"poisson"` (the Poisson deviance, which is suitable for any counts whose mean is to be predicted),
            `"negative_binomial"` (for counts whose variance exceeds their mean; the dispersion is estimated on the
            training targets by the method of moments: Cameron and Trivedi, Regression Analysis of Count Data, 2013,
            section 3.3), or a function or torch module of expected counts and counts (B, K), which returns one loss per
            row (B,).
        metrics: `"deviance"` (mean Poisson deviance: McCullagh and Nelder, Generalized Linear Models, 1989, section
            2.3), `"mean_absolute_error"`, and functions (y_true, y_pred) -> number; default: both names.
        dropout: dropout probability before the last layer; searched if unset.
        loss_weight: the weight of the head in the sum of losses.

    Raises:
        ConfigError: a name is unknown, a number is out of range; all are reported together.

    >>> head = CountHead(dropout=0.0)
    >>> target = head.codec().fit([0, 3, 1, 4])
    >>> head.build(Spec((8,), "D"), target)
    Linear(in_features=8, out_features=1, bias=True)
    """

    output_dim: int | None = None
    loss: str | Callable[..., Any] | Space = "poisson"
    metrics: Sequence[Any] | str | Callable[..., float] | None = None
    dropout: float | Space | None = searched(OneOf(0.0, 0.25, 0.5))
    loss_weight: float | Space = 1.0

    reads: ClassVar[str] = "members"
    task_kinds: ClassVar[tuple[str, ...]] = ("count",)
    task_rank: ClassVar[float] = 30.0
    target_kinds: ClassVar[Mapping[str, TargetKind]] = {"count": TargetKind("count", "number", ("count",))}

    def check(self) -> Iterable[str]:
        yield from whole_number_problems(self, "output_dim")
        yield from loss_errors(self.loss, COUNT_LOSSES, "count")
        yield from metric_errors(self.metrics, COUNT_METRICS, "count")
        yield from head_option_errors(self.dropout, self.loss_weight)

    def codec(self) -> CountCodec:
        return CountCodec(self.output_dim)

    def build(self, spec: Spec, target: TargetCodec) -> nn.Module:
        """(B, *spec.shape) -> log of the expected counts divided by the training means (B, K)."""
        from medley.heads.members import log_mean_exp
        from medley.heads.readout import readout

        # Members are joined by the mean of their expected counts.
        return readout(spec, len(target.prior), float(self.dropout or 0.0), log_mean_exp)  # type: ignore[arg-type]

    def loss_function(self, target: TargetCodec) -> Any:
        """Raw outputs (B, K), encoded targets -> half the deviance per row (B,), in units of the training mean."""
        from medley.heads.device_array import DeviceArray
        from medley.heads.losses import per_row_loss

        codec = _check_codec(target)
        mean, alpha, width = DeviceArray(codec.mean), DeviceArray(codec.dispersion), len(codec.mean)
        if callable(self.loss):
            custom = per_row_loss(self.loss)
            return lambda raw, target: custom(
                _ratio(raw) * mean.on_device_of(raw), target[:, :width] * mean.on_device_of(raw)
            )
        is_poisson = canonical_loss(self.loss, COUNT_LOSSES, "poisson") == "poisson"

        def losses(raw: Tensor, target: Tensor) -> Tensor:
            log_ratio, ratio = raw.clamp(max=MAX_LOG_RATIO), target[:, :width]
            if is_poisson:
                cells = poisson_deviance(log_ratio, ratio) / 2
            else:
                scale = mean.on_device_of(raw)
                cells = negative_binomial_deviance(log_ratio, ratio, scale, alpha.on_device_of(raw)) / (2 * scale)
            return _observed_row_mean(cells, target, width)

        return losses

    def metric_functions(self, target: TargetCodec) -> Mapping[str, Metric]:
        from medley.heads.metrics import function_metric, metric_name

        codec = _check_codec(target)
        metrics = ["deviance", "mean_absolute_error"] if self.metrics is None else as_tuple(self.metrics)
        metric_classes = {"deviance": Deviance, "mean_absolute_error": AbsoluteCountError}
        functions: dict[str, Metric] = {}
        for index, metric in enumerate(metrics):
            if isinstance(metric, str):
                functions[metric] = metric_classes[canonical_name(metric, COUNT_METRICS) or metric](codec)
            else:
                functions[metric_name(metric, index)] = function_metric(metric, codec)
        return functions

    def further_metrics(self) -> tuple[str, ...]:
        return ("mean_absolute_error", "deviance")

    @property
    def weight(self) -> float:
        """The weight of the head in the sum of losses; the default if it is searched."""
        return float(default_of(self.loss_weight))

    @classmethod
    def infer_task(cls, target: TargetProfile) -> TaskGuess | None:
        """Recognises skewed, over-dispersed whole numbers from 0 or 1 that have no gaps up to their median.

        Amounts of money have gaps, ages and hours are not skewed, ratings have few values, and years do not start at 0;
        these are numbers or ordered classes.
        """
        if not target.is_numeric or not target.is_whole or target.n_numbers < _MIN_ROWS:
            return None
        distinct = target.distinct
        if len(distinct) <= _MIN_DISTINCT or distinct[0] not in (0, 1) or distinct[-1] > _MAX_COUNT:
            return None
        counts = target.numbers[np.isfinite(target.numbers)]
        mean, variance, median = counts.mean(), counts.var(), np.floor(np.median(counts))
        has_gaps = np.count_nonzero(distinct <= median) < median - distinct[0] + 1
        skewness = float(np.mean(((counts - mean) / np.sqrt(variance)) ** 3))
        if has_gaps or variance < _MIN_DISPERSION_INDEX * mean or skewness < _MIN_SKEWNESS:
            return None
        reason = f"its cells are counts from {distinct[0]:.0f} to {distinct[-1]:.0f}, whose variance exceeds their mean"
        return target.task("count", reason, 0.75, cells="number")


class Deviance(RowMetric):
    """Mean Poisson deviance of the expected counts."""

    greater_is_better = False

    def __init__(self, codec: CountCodec) -> None:
        from medley.heads.device_array import DeviceArray

        self.mean, self.width = DeviceArray(codec.mean), len(codec.mean)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        log_ratio = raw.float().clamp(max=MAX_LOG_RATIO)
        cells = poisson_deviance(log_ratio, target[:, : self.width]) * self.mean.on_device_of(raw)
        return _observed_row_mean(cells, target, self.width)


class AbsoluteCountError(RowMetric):
    """Mean absolute error of the expected counts."""

    greater_is_better = False

    def __init__(self, codec: CountCodec) -> None:
        from medley.heads.device_array import DeviceArray

        self.mean, self.width = DeviceArray(codec.mean), len(codec.mean)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        cells = (_ratio(raw.float()) - target[:, : self.width]).abs() * self.mean.on_device_of(raw)
        return _observed_row_mean(cells, target, self.width)


def poisson_deviance(log_rate: Tensor, count: Tensor) -> Tensor:
    """The Poisson deviance 2 (y log(y / mu) - (y - mu)), given log mu and y in the same shape and unit.

    >>> import torch
    >>> poisson_deviance(torch.tensor([0.0]), torch.tensor([1.0])).tolist()
    [0.0]
    """
    return 2 * (log_rate.exp() - count * log_rate - count + count.xlogy(count))


def negative_binomial_deviance(log_ratio: Tensor, ratio: Tensor, mean: Tensor, alpha: Tensor) -> Tensor:
    """The negative-binomial deviance 2 (y log(y / mu) - (y + 1/alpha) log((1 + alpha y) / (1 + alpha mu))).

    Args:
        log_ratio: (B, K) log of mu / mean.
        ratio: (B, K) y / mean.
        mean: (K,) training means.
        alpha: (K,) dispersion: variance = mu + alpha mu².
    """
    count, rate = ratio * mean, log_ratio.exp() * mean
    log_quotient = count.xlogy(ratio) - count * log_ratio
    return 2 * (log_quotient - (count + 1 / alpha) * ((alpha * count).log1p() - (alpha * rate).log1p()))


def _ratio(raw: Tensor) -> Tensor:
    return raw.clamp(max=MAX_LOG_RATIO).exp()


def _observed_row_mean(cells: Tensor, target: Tensor, width: int) -> Tensor:
    from medley.heads.masked import observed_mean

    return cells.squeeze(1) if width == 1 else observed_mean(cells, target[:, width:] > 0)


def _counts(values: Any) -> tuple[np.ndarray, bool]:
    """Rows -> counts (B, K) float64 with NaN where missing, and whether rows were flat."""
    numbers, flat, _ = numeric_columns(values)
    wrong = (numbers < 0) | (numbers % 1 != 0) & ~np.isnan(numbers)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"Counts must be non-negative whole numbers, got {numbers[row, column]:g} in row {row_number(row)}, "
            f"column {column}. For other numbers, use RegressionHead."
        )
    return numbers, flat


def _check_codec(target: TargetCodec) -> CountCodec:
    if not isinstance(target, CountCodec):
        raise ConfigError(f"CountHead needs a codec from its codec() method, got {type(target).__name__}.")
    return target
