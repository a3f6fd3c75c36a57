"""Class weights: converts a `class_weight=` argument to one number per class. NumPy only."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from medley.errors import ConfigError, ErrorCollector, did_you_mean

ClassWeight = Mapping[Any, float] | str | None


def class_weight_errors(class_weight: Any) -> Iterator[str]:
    """Yields an error message per invalid entry of a `class_weight=` argument."""
    if class_weight is None or class_weight == "balanced":
        return
    if not isinstance(class_weight, Mapping):
        yield f"class_weight must be 'balanced' or a dict of label -> weight, got {class_weight!r}."
        return
    for label, weight in class_weight.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            yield f"class_weight of {label!r} must be a non-negative number, got {weight!r}."


def weights_by_class(class_weight: Mapping[Any, float], labels: Sequence[Any]) -> np.ndarray:
    """The weights by class (K,), 1 where unspecified.

    Args:
        class_weight: label -> weight. Keys that became strings through JSON are matched to their labels.
        labels: the labels in the order of their class indices.

    Raises:
        ConfigError: a key does not occur among the training labels.

    >>> weights_by_class({"1": 5.0}, [0, 1])
    array([1., 5.])
    """
    weights = np.ones(len(labels))
    indices = {label: index for index, label in enumerate(labels)}
    errors = ErrorCollector()
    for key, weight in class_weight.items():
        label = key if key in indices else _from_text(key)
        if label in indices:
            weights[indices[label]] = weight
        else:
            errors.add(
                f"class_weight contains {key!r}, which is not a label of the training rows.{did_you_mean(key, labels)}"
            )
    errors.raise_if_any(ConfigError)
    return weights


def _from_text(key: Any) -> Any:
    try:
        label = literal_eval(key) if isinstance(key, str) else key
        hash(label)
    except (ValueError, SyntaxError, TypeError):
        return key
    return label


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Weights (K,) that give every class that occurs the same total weight, with a mean of 1 over the rows.

    >>> balanced_weights(np.array([3, 1])).round(3).tolist()
    [0.667, 2.0]
    """
    occurs = counts > 0
    weights = np.ones(len(counts))
    weights[occurs] = counts.sum() / (occurs.sum() * counts[occurs])
    return weights
