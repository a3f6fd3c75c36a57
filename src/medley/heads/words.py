"""The words that callers may use for losses and metrics, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
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
    **{word: word for word in ("precision", "recall", "f1")},
    **{f"{word}_score": word for word in ("precision", "recall", "f1")},
    **{f"{w}_{by}": f"{w}_{by}" for w in ("precision", "recall", "f1") for by in ("macro", "micro", "weighted")},
}

ORDERED_LOSSES = {word: "crossentropy" for word, loss in CLASS_LOSSES.items() if loss == "crossentropy"}

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

ONE_LABEL_METRICS = ("cohen_kappa", "mcc")


def meaning(word: str, table: dict[str, str]) -> str | None:
    """What a word stands for in a table, or None. Keras's class names (`MeanSquaredError`, `MSE`) do as well.

    >>> meaning("MeanSquaredError", NUMBER_LOSSES), meaning("MSE", NUMBER_LOSSES)
    ('mean_squared_error', 'mean_squared_error')
    >>> meaning("top_7_accuracy", CLASS_METRICS)
    'top_7_accuracy'
    """
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()
    if table is CLASS_METRICS and re.fullmatch(r"top_[1-9]\d*_accuracy", plain):
        return plain
    return table.get(plain)


def canonical(loss: Any, table: dict[str, str], otherwise: str) -> str:
    """The meaning of a `loss=` argument; of a range's default; `otherwise` for None, `"custom"` for a function."""
    if isinstance(loss, Space):
        loss = loss.default
    if loss is None:
        return otherwise
    return meaning(loss, table) or otherwise if isinstance(loss, str) else "custom"


def wrong_losses(loss: Any, table: dict[str, str], head: str) -> Iterator[str]:
    """A sentence per error in a `loss=` argument."""
    for one in loss.choices if isinstance(loss, OneOf) else (loss,):
        if isinstance(one, str) and meaning(one, table) is None:
            yield f"loss {one!r} is not known to a {head} head.{did_you_mean(one, table)}"
        elif one is not None and not isinstance(one, str) and not callable(one):
            yield f"loss must be a name or a function (raw, target) -> (B,), got {one!r}."


def wrong_metrics(metrics: Any, table: dict[str, str], head: str) -> Iterator[str]:
    """A sentence per error in a `metrics=` argument."""
    if metrics is not None and not (isinstance(metrics, str | list | tuple) or callable(metrics)):
        yield f"metrics must be a list of names and functions (y_true, y_pred) -> number, got {metrics!r}."
        return
    for one in listed(metrics):
        if isinstance(one, str) and meaning(one, table) is None:
            yield f"metric {one!r} is not known to a {head} head.{did_you_mean(one, table)}"
        elif not isinstance(one, str) and not callable(one):
            yield f"a metric must be a name or a function (y_true, y_pred) -> number, got {one!r}."


def listed(metrics: Any) -> Iterable[Any]:
    """One metric or several, as several."""
    if metrics is None:
        return ()
    return (metrics,) if isinstance(metrics, str) or callable(metrics) else tuple(metrics)


def wrong_numbers(dropout: Any, loss_weight: Any) -> Iterator[str]:
    """A sentence per error in what both heads take."""
    if isinstance(dropout, int | float) and not 0 <= dropout < 1:
        yield f"dropout must be at least 0 and below 1, got {dropout!r}."
    if isinstance(loss_weight, Space):
        return
    number = isinstance(loss_weight, int | float) and not isinstance(loss_weight, bool)
    if not number or not 0 <= loss_weight < float("inf"):
        yield f"loss_weight must be a number, 0 or more, got {loss_weight!r}."
