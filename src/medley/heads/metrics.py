"""Builds the `metrics=` of a head from names and functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medley.core.metric import Metric, SetMetric
from medley.heads.class_metrics import class_metric
from medley.heads.classes import ClassCodec
from medley.heads.label_sets import LabelSetCodec
from medley.heads.loss_and_metric_names import (
    CLASS_METRICS,
    NUMBER_METRICS,
    ORDERED_METRICS,
    QUANTILE_METRICS,
    as_tuple,
    canonical_name,
)
from medley.heads.number_metrics import number_metric
from medley.heads.numbers import NumberCodec
from medley.heads.ordered_classes import OrderedCodec
from medley.heads.ordered_metrics import ordered_metric
from medley.heads.quantile_metrics import quantile_metric
from medley.heads.quantiles import QuantileCodec

AnyCodec = ClassCodec | LabelSetCodec | NumberCodec | OrderedCodec | QuantileCodec
Score = Callable[..., float]

# By scikit-learn's convention, functions with these suffixes are minimised.
MINIMISED_SUFFIXES = ("_error", "_loss", "_deviance")


class CustomScore(SetMetric):
    """A caller's function (y_true, y_pred) -> number, of original labels or numbers; greater is better.

    Args:
        codec: the fitted codec.
        function: if it has an argument `sample_weight`, it also receives the weights of weighted rows.
    """

    reads_decision = True

    def __init__(self, codec: Any, function: Score) -> None:
        self.codec = codec
        self.function = function

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _call(self.function, self.codec, raw, target, weight)


class CustomError(SetMetric):
    """Like `CustomScore`, but smaller is better: a function whose name ends in _error, _loss or _deviance."""

    reads_decision = True

    greater_is_better = False

    def __init__(self, codec: Any, function: Score) -> None:
        self.codec = codec
        self.function = function

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _call(self.function, self.codec, raw, target, weight)


def make_metrics(metrics: Any, codec: AnyCodec, *default: str) -> dict[str, Metric]:
    """Builds metrics by the names that the caller used, in order; functions are called by their own name.

    Args:
        metrics: None, one or several names or functions; already checked.
        codec: the fitted codec.
        default: the metrics if `metrics` is None.

    >>> list(make_metrics(["mae", "r2"], NumberCodec().fit([1.0, 2.0]), "mse"))
    ['mae', 'r2']
    """
    built: dict[str, Metric] = {}
    for index, metric in enumerate(default if metrics is None else as_tuple(metrics)):
        name = metric if isinstance(metric, str) else metric_name(metric, index)
        built[name] = _metric_by_name(metric, codec) if isinstance(metric, str) else function_metric(metric, codec)
    return built


def _metric_by_name(name: str, codec: AnyCodec) -> Metric:
    if isinstance(codec, QuantileCodec):
        return quantile_metric(canonical_name(name, QUANTILE_METRICS) or name, codec)
    if isinstance(codec, NumberCodec):
        return number_metric(canonical_name(name, NUMBER_METRICS) or name, codec)
    if isinstance(codec, OrderedCodec):
        return ordered_metric(canonical_name(name, ORDERED_METRICS) or name, codec)
    return class_metric(canonical_name(name, CLASS_METRICS) or name, codec)


def function_metric(function: Score, codec: Any) -> Metric:
    """The metric of a caller's function (y_true, y_pred) -> number; its name determines whether it is minimised."""
    is_minimised = getattr(function, "__name__", "").endswith(MINIMISED_SUFFIXES)
    return CustomError(codec, function) if is_minimised else CustomScore(codec, function)


def metric_name(function: Score, index: int) -> str:
    """The name of a caller's function among the metrics."""
    name = getattr(function, "__name__", type(function).__name__)
    return f"metric_{index + 1}" if name == "<lambda>" else name


def _call(function: Score, codec: Any, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
    from inspect import signature

    if len(raw) == 0:
        return float("nan")
    is_weighted = weight is not None and "sample_weight" in signature(function).parameters
    options = {"sample_weight": weight} if is_weighted else {}
    return float(function(codec.values(target), codec.decode(raw), **options))
