"""The base class of label codecs: labels, class weights and state. NumPy only."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from medley.core.codec import State, TargetCodec
from medley.errors import NotFittedError
from medley.heads.class_weights import ClassWeight, balanced_weights, weights_by_class
from medley.heads.labels import ClassLabels


class LabelCodec(TargetCodec):
    """Labels <-> raw outputs; subclasses define the content of a row.

    Args:
        class_weight: label -> weight, `"balanced"`, or None.

    Attributes:
        weights: weights of the classes by index; None if all are equal.
    """

    def __init__(self, class_weight: ClassWeight = None) -> None:
        self.class_weight = class_weight
        self.weights: np.ndarray | None = None
        self._classes: ClassLabels | None = None
        self._prior = np.zeros(1, np.float32)

    @property
    def classes(self) -> ClassLabels:
        """The labels."""
        if self._classes is None:
            raise NotFittedError("This codec has no labels yet: call fit() first.")
        return self._classes

    @property
    def labels(self) -> list[Any]:
        """The labels in the order of the probabilities' columns."""
        return list(self.classes.labels)

    @property
    def prior(self) -> np.ndarray:
        """Raw output (K,) of the best constant prediction."""
        return self._prior

    def _weighted(self, codes: np.ndarray) -> np.ndarray:
        """The total weight of the training rows of each class, given class indices (B,), -1 where missing."""
        counts = np.bincount(codes[codes >= 0], minlength=len(self.labels)).astype(np.float64)
        if self.class_weight is None:
            return counts
        rule = self.class_weight
        self.weights = balanced_weights(counts) if isinstance(rule, str) else weights_by_class(rule, self.labels)
        return counts * self.weights

    @abstractmethod
    def layout_state(self) -> dict[str, Any]:
        """The format of the caller's labels, as JSON values."""

    @abstractmethod
    def restore_layout(self, state: State) -> None:
        """The inverse of `layout_state`."""

    def state(self) -> dict[str, Any]:
        """The fitted state."""
        return {**self.classes.state(), **self.layout_state(), "weights": self.weights, "prior": self._prior}

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self._classes = ClassLabels.restore(state)
        self.restore_layout(state)
        self.weights = state["weights"]
        self._prior = np.asarray(state["prior"], np.float32)
        return self
