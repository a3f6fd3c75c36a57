"""The names of losses and metrics that callers may use, each with its canonical name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from medley.core.space import OneOf, Space
from medley.errors import did_you_mean

CLASS_LOSSES = {
    "crossentropy": "crossentropy",
    "binary_crossentropy": "crossentropy",
    "categorical_crossentropy": "crossentropy",
    "sparse_categorical_crossentropy": "crossentropy",
    "focal": "focal",
    "binary_focal_crossentropy": "focal",
    "categorical_focal_crossentropy": "focal",
}

NUMBER_LOSSES = {
    "mean_squared_error": "mean_squared_error",
    "mse": "mean_squared_error",
    "mean_absolute_error": "mean_absolute_error",
    "mae": "mean_absolute_error",
    "huber": "huber",
    "huber_loss": "huber",
    "log_cosh": "log_cosh",
    "logcosh": "log_cosh",
}

CLASS_METRICS = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "binary_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "exact_match": "exact_match",
    "subset_accuracy": "exact_match",
    "top_k_categorical_accuracy": "top_5_accuracy",
    "top_3_accuracy": "top_3_accuracy",
    "top_5_accuracy": "top_5_accuracy",
    "log_loss": "crossentropy",
    "crossentropy": "crossentropy",
    "binary_crossentropy": "crossentropy",
    "categorical_crossentropy": "crossentropy",
    "sparse_categorical_crossentropy": "crossentropy",
    "brier_score": "brier_score",
    "auc": "auc",
    "roc_auc": "auc",
    "average_precision": "average_precision",
    "pr_auc": "average_precision",
    "balanced_accuracy": "balanced_accuracy",
    "mcc": "mcc",
    "matthews_corrcoef": "mcc",
    "cohen_kappa": "cohen_kappa",
    **{name: name for name in ("precision", "recall", "f1")},
    **{f"{name}_score": name for name in ("precision", "recall", "f1")},
    **{
        f"{name}_{average}": f"{name}_{average}"
        for name in ("precision", "recall", "f1")
        for average in ("macro", "micro", "weighted")
    },
}

ORDERED_LOSSES = {name: "crossentropy" for name, loss in CLASS_LOSSES.items() if loss == "crossentropy"}

ORDERED_METRICS = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "within_one": "within_one",
    "mean_absolute_error": "mean_absolute_error",
    "mae": "mean_absolute_error",
    "quadratic_weighted_kappa": "quadratic_weighted_kappa",
    "quadratic_kappa": "quadratic_weighted_kappa",
    "qwk": "quadratic_weighted_kappa",
    "balanced_accuracy": "balanced_accuracy",
    "log_loss": "crossentropy",
    "crossentropy": "crossentropy",
}

NUMBER_METRICS = {
    "mean_squared_error": "mean_squared_error",
    "mse": "mean_squared_error",
    "root_mean_squared_error": "root_mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mean_absolute_error": "mean_absolute_error",
    "mae": "mean_absolute_error",
    "mean_absolute_percentage_error": "mean_absolute_percentage_error",
    "mape": "mean_absolute_percentage_error",
    "r2": "r2",
    "r2_score": "r2",
    "pearson": "pearson",
}

QUANTILE_METRICS = {**NUMBER_METRICS, "pinball": "pinball", "pinball_loss": "pinball", "coverage": "coverage"}

ONE_LABEL_METRICS = ("cohen_kappa", "mcc")


def canonical_name(name: str, table: dict[str, str]) -> str | None:
    """The canonical name of a loss or metric in a table, or None. Class names of Keras are accepted too.

    >>> canonical_name("MeanSquaredError", NUMBER_LOSSES), canonical_name("MSE", NUMBER_LOSSES)
    ('mean_squared_error', 'mean_squared_error')
    >>> canonical_name("top_7_accuracy", CLASS_METRICS)
    'top_7_accuracy'
    """
    snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if table is CLASS_METRICS and re.fullmatch(r"top_[1-9]\d*_accuracy", snake_case):
        return snake_case
    return table.get(snake_case)


def canonical_loss(loss: Any, table: dict[str, str], default: str) -> str:
    """The canonical name of a `loss=` argument, or of its search space's default.

    Args:
        loss: a name, a function, a search space or None.
        table: name -> canonical name.
        default: the result for None.

    Returns:
        The canonical name; `"custom"` for a function.
    """
    if isinstance(loss, Space):
        loss = loss.default
    if loss is None:
        return default
    return canonical_name(loss, table) or default if isinstance(loss, str) else "custom"


def loss_errors(loss: Any, table: dict[str, str], head: str) -> Iterator[str]:
    """An error message per invalid `loss=` argument."""
    for choice in loss.choices if isinstance(loss, OneOf) else (loss,):
        if isinstance(choice, str) and canonical_name(choice, table) is None:
            yield f"loss {choice!r} is not known to a {head} head.{did_you_mean(choice, table)}"
        elif choice is not None and not isinstance(choice, str) and not callable(choice):
            yield f"loss must be a name or a function (raw, target) -> (B,), got {choice!r}."


def metric_errors(metrics: Any, table: dict[str, str], head: str) -> Iterator[str]:
    """An error message per invalid metric in a `metrics=` argument."""
    if metrics is not None and not (isinstance(metrics, str | list | tuple) or callable(metrics)):
        yield f"metrics must be a list of names and functions (y_true, y_pred) -> number, got {metrics!r}."
        return
    for metric in as_tuple(metrics):
        if isinstance(metric, str) and canonical_name(metric, table) is None:
            yield f"metric {metric!r} is not known to a {head} head.{did_you_mean(metric, table)}"
        elif not isinstance(metric, str) and not callable(metric):
            yield f"a metric must be a name or a function (y_true, y_pred) -> number, got {metric!r}."


def as_tuple(metrics: Any) -> tuple[Any, ...]:
    """One or several metrics as a tuple."""
    if metrics is None:
        return ()
    return (metrics,) if isinstance(metrics, str) or callable(metrics) else tuple(metrics)


def head_option_errors(dropout: Any, loss_weight: Any) -> Iterator[str]:
    """An error message per invalid `dropout` or `loss_weight`."""
    if isinstance(dropout, int | float) and not 0 <= dropout < 1:
        yield f"dropout must be at least 0 and below 1, got {dropout!r}."
    if isinstance(loss_weight, Space):
        return
    is_number = isinstance(loss_weight, int | float) and not isinstance(loss_weight, bool)
    if not is_number or not 0 <= loss_weight < float("inf"):
        yield f"loss_weight must be a non-negative number, got {loss_weight!r}."
