"""The base class of label codecs: labels, class weights and state. NumPy only."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.codec import Encoded, State, TargetCodec
from medley.core.rules import Array, Items, Maybe, StateRules, Whole, require
from medley.errors import NotFittedError
from medley.heads.class_weights import ClassWeight, balanced_weights, weights_by_class
from medley.heads.labels import ClassLabels

NEVER = -1e4
"""A logit, relative to others, of what is never predicted; its probability is 0 in any precision."""

MOST_ADDED = 0.5
"""Frequency of all labels together that are added to a model, at most: the new rows may be rows of theirs only."""


class LabelCodec(TargetCodec):
    """Labels <-> raw outputs; subclasses define the content of a row.

    Args:
        class_weight: label -> weight, `"balanced"`, or None.

    Attributes:
        weights: weights of the classes by index; None if all are equal.
        learned: (K,) bool, the labels that training rows have. Others are known from elsewhere: from validation rows,
            or by declaration.
    """

    def __init__(self, class_weight: ClassWeight = None) -> None:
        self.class_weight = class_weight
        self.weights: np.ndarray | None = None
        self.learned = np.zeros(0, bool)
        self._classes: ClassLabels | None = None
        self._admitted: ClassLabels | None = None
        self._prior = np.zeros(1, np.float32)
        self._origin: tuple[np.ndarray, np.ndarray] | None = None  # places of the first labels, and their prior

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

    def _joined(self, classes: ClassLabels) -> ClassLabels:
        """Labels of training rows, and those that were admitted."""
        return classes if self._admitted is None else classes.joined(self._admitted)

    def admit(self, values: Any) -> Self:
        self._admitted = self.labels_among(values)
        return self

    def extended(self, values: Any) -> Self:
        other = self.labels_among(values)
        classes = self.classes if other is None else self.joined(other)
        if classes is self.classes:
            return self
        wider = copy(self)
        wider._classes = classes
        places = self.classes.positions(classes)
        wider.learned = np.zeros(len(classes.labels), bool)
        wider.learned[places] = self.learned
        if self.weights is not None:
            wider.weights = np.ones((*self.weights.shape[:-1], len(classes.labels)))
            wider.weights[..., places] = self.weights
        wider._prior = self.widened(self._prior[None], wider)[0].astype(np.float32)
        return wider

    def grown(self, values: Any, seen: int) -> Self:
        wider = self.extended(values)
        if wider is self:
            return self
        self.outputs(len(wider.labels))  # checks their number
        counts = np.bincount(wider.memberships(wider.encode(values))[1], minlength=len(wider.labels))
        places = self.classes.positions(wider.classes)
        is_added = np.ones(len(wider.labels), bool)
        is_added[places] = False
        frequencies = np.where(is_added, counts / (seen + len(values)), 0.0)
        frequencies *= min(MOST_ADDED / frequencies.sum(), 1.0)
        frequencies[places] = self._frequencies() * self._left_by(frequencies)
        wider._prior = wider._outputs_of(frequencies)
        wider.learned[is_added] = True
        first, prior = (np.arange(len(self.labels)), self._prior) if self._origin is None else self._origin
        wider._origin = places[first], prior
        return wider

    @property
    def origin(self) -> Self:
        if self._origin is None:
            return self
        places, prior = self._origin
        narrow = copy(self)
        narrow._classes = ClassLabels(tuple(self.classes.labels[place] for place in places), self.classes.dtype)
        narrow._prior, narrow._origin, narrow.learned = prior, None, self.learned[places]
        narrow.weights = None if self.weights is None else self.weights[..., places]
        return narrow

    def raw_places(self, wider: Any) -> tuple[np.ndarray, np.ndarray]:
        """The places of this codec's raw outputs among those of a grown one, and of those of added labels."""
        places = self.classes.positions(wider.classes)
        return places, np.setdiff1d(np.arange(len(wider.labels)), places)

    def added_outputs(self, before: Any, raw: np.ndarray) -> np.ndarray:
        """Raw outputs of added labels with which rows have their frequencies.

        Args:
            before: the codec that this one was grown from.
            raw: its raw outputs (B, K) of rows.
        """
        return self._prior[before.raw_places(self)[1]]

    def _frequencies(self) -> np.ndarray:
        """The frequencies (classes,) of the labels in the constant baseline."""
        return self.probabilities(self._prior[None])[0]

    def _left_by(self, added: np.ndarray) -> float:
        """What the frequencies of added labels (classes,) multiply those of all others by."""
        return 1.0 - float(added.sum())

    @abstractmethod
    def _outputs_of(self, frequencies: np.ndarray) -> np.ndarray:
        """The raw outputs (K,) of frequencies (classes,)."""

    @abstractmethod
    def labels_among(self, values: Any) -> ClassLabels | None:
        """The labels that occur among rows; None where they are named by the columns of a matrix."""

    def joined(self, other: ClassLabels) -> ClassLabels:
        """The codec's labels, and those of other rows, in order."""
        return self.classes.joined(other)

    @abstractmethod
    def memberships(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Encoded labels -> rows (M,) and class indices (M,): a pair for each label that a row has."""

    def unlearned(self, encoded: Encoded, folds: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        rows, indices = self.memberships(encoded)
        if folds is None:
            is_learned = self.learned[indices]
        else:
            counts = np.zeros((len(self.labels), int(folds.max(initial=0)) + 1), np.int64)
            np.add.at(counts, (indices, folds[rows]), 1)
            is_learned = counts.sum(axis=1)[indices] > counts[indices, folds[rows]]
        return rows[~is_learned], indices[~is_learned]

    def loss_targets(self, encoded: Encoded, folds: np.ndarray | None = None) -> Encoded:
        rows, indices = self.unlearned(encoded, folds)
        return self.without(encoded, rows, indices) if len(rows) else encoded

    def without(self, encoded: Encoded, rows: np.ndarray, indices: np.ndarray) -> Encoded:
        """Encoded labels in which some memberships count as unobserved."""
        present = encoded.present.copy()
        present[rows] = False
        array = encoded.array.copy()
        array[rows] = 0
        return Encoded(array, present)

    def _weighted(self, codes: np.ndarray) -> np.ndarray:
        """The total weight of the training rows of each class, given class indices (B,), -1 where missing."""
        counts = np.bincount(codes[codes >= 0], minlength=len(self.labels)).astype(np.float64)
        self.learned = counts > 0
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
        return {
            **self.classes.state(),
            **self.layout_state(),
            "weights": self.weights,
            "prior": self._prior,
            "unlearned": np.flatnonzero(~self.learned).tolist(),
            **({} if self._origin is None else {"first": self._origin[0].tolist(), "first_prior": self._origin[1]}),
        }

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self._classes = ClassLabels.restore(state)
        count = len(self._classes.labels)
        values = self.RULES.read(state, {"classes": count, "outputs": self.outputs(count)})
        self.restore_layout(values)
        self.weights, self._prior = values["weights"], values["prior"]
        places = Items(Whole(0, count - 1), is_unique=True)
        rules = {"unlearned": Maybe(places), "first": Maybe(places), "first_prior": Maybe(Array(np.float32, (None,)))}
        others = StateRules(**rules).read(state)
        self.learned = np.ones(count, bool)
        self.learned[np.asarray(others["unlearned"] or (), np.int64)] = False
        if others["first"] is not None:
            self._restore_origin(others["first"], others["first_prior"])
        return self

    def _restore_origin(self, places: list[int], prior: np.ndarray | None) -> None:
        is_part = places == sorted(places) and len(places) < len(self.labels)
        require(is_part, "first must name a part of the labels, in order.")
        outputs = self.outputs(len(places))
        require(prior is not None and len(prior) == outputs, f"first_prior must hold {outputs} numbers.")
        self._origin = np.array(places, np.int64), np.asarray(prior)
