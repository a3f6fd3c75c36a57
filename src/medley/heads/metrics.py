"""The `metrics=` of a head, built: names and callers' own functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medley.core.metric import Metric, SetMetric
from medley.heads.class_metrics import class_metric
from medley.heads.classes import ClassCodec
from medley.heads.label_sets import LabelSetCodec
from medley.heads.loss_and_metric_names import CLASS_METRICS, NUMBER_METRICS, ORDERED_METRICS, as_tuple, canonical_name
from medley.heads.number_metrics import number_metric
from medley.heads.numbers import NumberCodec
from medley.heads.ordered_classes import OrderedCodec
from medley.heads.ordered_metrics import ordered_metric

AnyCodec = ClassCodec | LabelSetCodec | NumberCodec | OrderedCodec
Score = Callable[..., float]

# scikit-learn's convention: what ends so is to be small.
SMALL = ("_error", "_loss", "_deviance")


class OwnScore(SetMetric):
    """A caller's function (y_true, y_pred) -> number, in the caller's labels or unit; the greater the better.

    Args:
        codec: fitted.
        function: it gets `sample_weight=` as well where it has such an argument and rows are weighted.
    """

    def __init__(self, codec: Any, function: Score) -> None:
        self.codec = codec
        self.function = function

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _called(self.function, self.codec, raw, target, weight)


class OwnError(SetMetric):
    """As `OwnScore`, but the smaller the better: functions whose name ends in _error, _loss or _deviance."""

    greater_is_better = False

    def __init__(self, codec: Any, function: Score) -> None:
        self.codec = codec
        self.function = function

    def score(self, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
        return _called(self.function, self.codec, raw, target, weight)


def make_metrics(metrics: Any, codec: AnyCodec, *default: str) -> dict[str, Metric]:
    """Metrics by the words the caller used, in order; a function goes by its own name.

    Args:
        metrics: None, one or several names or functions; checked before.
        codec: fitted.
        default: the metrics where none are asked for.

    >>> list(make_metrics(["mae", "r2"], NumberCodec().fit([1.0, 2.0]), "mse"))
    ['mae', 'r2']
    """
    built: dict[str, Metric] = {}
    for place, one in enumerate(default if metrics is None else as_tuple(metrics)):
        name = one if isinstance(one, str) else metric_name(one, place)
        built[name] = _named(one, codec) if isinstance(one, str) else function_metric(one, codec)
    return built


def _named(word: str, codec: AnyCodec) -> Metric:
    if isinstance(codec, NumberCodec):
        return number_metric(canonical_name(word, NUMBER_METRICS) or word, codec)
    if isinstance(codec, OrderedCodec):
        return ordered_metric(canonical_name(word, ORDERED_METRICS) or word, codec)
    return class_metric(canonical_name(word, CLASS_METRICS) or word, codec)


def function_metric(function: Score, codec: Any) -> Metric:
    """The metric of a caller's function (y_true, y_pred) -> number; the smaller the better where its name says so."""
    small = getattr(function, "__name__", "").endswith(SMALL)
    return OwnError(codec, function) if small else OwnScore(codec, function)


def metric_name(function: Score, place: int) -> str:
    """What a caller's function is called among the metrics."""
    name = getattr(function, "__name__", type(function).__name__)
    return f"metric_{place + 1}" if name == "<lambda>" else name


def _called(function: Score, codec: Any, raw: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
    from inspect import signature

    if len(raw) == 0:
        return float("nan")
    has_state = weight is not None and "sample_weight" in signature(function).parameters
    told = {"sample_weight": weight} if has_state else {}
    return float(function(codec.values(target), codec.decode(raw), **told))
