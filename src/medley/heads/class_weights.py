"""Class weights: what a caller says about labels -> a number per class. NumPy only."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from medley.errors import ConfigError, ErrorCollector, did_you_mean

ClassWeight = Mapping[Any, float] | str | None


def wrong_weights(class_weight: Any) -> Iterator[str]:
    """A sentence per error in a `class_weight=` argument."""
    if class_weight is None or class_weight == "balanced":
        return
    if not isinstance(class_weight, Mapping):
        yield f"class_weight must be 'balanced' or a dict of label -> weight, got {class_weight!r}."
        return
    for label, weight in class_weight.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
            yield f"class_weight of {label!r} must be a number, 0 or more, got {weight!r}."


def by_label(class_weight: Mapping[Any, float], labels: Sequence[Any]) -> np.ndarray:
    """The weights by class (K,), 1 where none is told.

    Args:
        class_weight: label -> weight. Keys that went through JSON, and so became strings, still find their labels.
        labels: the classes in order.

    Raises:
        ConfigError: a key that is no label of the training rows.

    >>> by_label({"1": 5.0}, [0, 1])
    array([1., 5.])
    """
    weights = np.ones(len(labels))
    places = {label: place for place, label in enumerate(labels)}
    errors = ErrorCollector()
    for key, weight in class_weight.items():
        label = key if key in places else _from_text(key)
        if label in places:
            weights[places[label]] = weight
        else:
            errors.add(
                f"class_weight names {key!r}, which is no label of the training rows.{did_you_mean(key, labels)}"
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


def balanced(counts: np.ndarray) -> np.ndarray:
    """Weights (K,) that make every class that occurs weigh the same together, with a mean of 1 over the rows.

    >>> balanced(np.array([3, 1])).round(3).tolist()
    [0.667, 2.0]
    """
    seen = counts > 0
    weights = np.ones(len(counts))
    weights[seen] = counts.sum() / (seen.sum() * counts[seen])
    return weights
