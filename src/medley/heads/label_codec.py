"""The base class of label codecs: labels, class weights and state. NumPy only."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.codec import State, TargetCodec
from medley.core.rules import StateRules
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

    RULES: ClassVar[StateRules]
    """Of a subclass's state, the labels left out; the sizes `classes` and `outputs` are known."""

    @staticmethod
    @abstractmethod
    def outputs(classes: int) -> int:
        """The number of raw outputs for a number of classes."""

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
        count = len(self._classes.labels)
        values = self.RULES.read(state, {"classes": count, "outputs": self.outputs(count)})
        self.restore_layout(values)
        self.weights, self._prior = values["weights"], values["prior"]
        return self
