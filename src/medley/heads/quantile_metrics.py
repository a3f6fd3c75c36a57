"""Loss and metrics of quantiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from medley.core.metric import Metric, RowMetric, SetMetric
from medley.heads.number_metrics import Errors, number_metric
from medley.heads.quantiles import QuantileCodec

if TYPE_CHECKING:
    from torch import Tensor


def pinball_losses(codec: QuantileCodec) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of standardised quantiles: the mean pinball loss over the levels of each row.

    Source: Koenker, Bassett: Regression Quantiles, 1978.

    Args:
        codec: the fitted codec.

    >>> import torch
    >>> losses = pinball_losses(QuantileCodec([0.25, 0.75]).fit([0.0, 2.0]))
    >>> losses(torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0]]))
    tensor([2.])
    """
    from medley.heads.device_array import DeviceArray

    levels = DeviceArray(np.array(codec.levels))

    def losses(raw: Tensor, target: Tensor) -> Tensor:
        error, level = target - raw, levels.on_device_of(raw)
        return (level * error).maximum((level - 1) * error).mean(dim=1)

    return losses


class Pinball(RowMetric):
    """The mean pinball loss over the levels, in the unit of the target; quantiles are sorted first."""

    greater_is_better = False

    def __init__(self, codec: QuantileCodec) -> None:
        from medley.heads.device_array import DeviceArray

        self.levels = DeviceArray(np.array(codec.levels))
        self.errors = Errors(codec.numbers)

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, Q), targets -> (B,)."""
        level = self.levels.on_device_of(raw)
        error = -self.errors.of(raw.sort(dim=1).values, target)
        return (level * error).maximum((level - 1) * error).mean(dim=1)


class Coverage(RowMetric):
    """The fraction of rows whose number lies between the lowest and the highest quantile."""

    def __init__(self, codec: QuantileCodec) -> None:
        self.codec = codec

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, Q), targets -> (B,) of 0 and 1."""
        number = target[:, 0]
        return ((raw.min(dim=1).values <= number) & (number <= raw.max(dim=1).values)).float()


class OfMedian(RowMetric):
    """A metric of numbers, of the quantile closest to the median.

    Args:
        metric: reads one raw output per row.
        codec: the fitted codec.
    """

    greater_is_better = False  # all such means over rows are errors

    def __init__(self, metric: RowMetric, codec: QuantileCodec) -> None:
        self.metric = metric
        self.middle = codec.middle

    def rows(self, raw: Tensor, target: Tensor) -> Tensor:
        """(B, Q), targets -> (B,)."""
        return self.metric.rows(raw.sort(dim=1).values[:, self.middle].unsqueeze(1), target)

    def finish(self, mean: float) -> float:
        """As the metric."""
        return self.metric.finish(mean)


class SetOfMedian(SetMetric):
    """The same, of a metric that is no mean over rows.

    Args:
        metric: reads one raw output per row.
        codec: the fitted codec.
    """

    def __init__(self, metric: SetMetric, codec: QuantileCodec) -> None:
        self.metric = metric
        self.codec = codec

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        """(B, Q), targets -> the metric."""
        return self.metric.score(self.codec.median(raw), target, weight)


def quantile_metric(canonical: str, codec: QuantileCodec) -> Metric:
    """The metric of a canonical name: `pinball`, `coverage`, or one of numbers.

    Args:
        canonical: a name in `QUANTILE_METRICS`.
        codec: the fitted codec.
    """
    if canonical in ("pinball", "coverage"):
        return Pinball(codec) if canonical == "pinball" else Coverage(codec)
    metric = number_metric(canonical, codec.numbers)
    if isinstance(metric, RowMetric):
        return OfMedian(metric, codec)
    assert isinstance(metric, SetMetric)
    return SetOfMedian(metric, codec)
