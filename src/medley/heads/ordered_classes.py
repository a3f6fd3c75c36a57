"""The codec of targets with one of several ordered classes per row. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State
from medley.core.rules import Array, Flag, Maybe, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError
from medley.heads.class_weights import ClassWeight
from medley.heads.classes import MOST_CLASSES, refuse_measurements
from medley.heads.label_codec import LabelCodec
from medley.heads.labels import Alphabet, Given, given, unlabelled
from medley.heads.priors import best_probabilities, sigmoid


class OrderedCodec(LabelCodec):
    """One of K ordered labels per row <-> K-1 logits: that a row lies above class k, given that it is not below it.

    Predicted is the median: the first class that at least half of the probability lies at or below.

    Args:
        order: the labels, the least first; None takes the order of numbers, or of an ordered categorical of pandas.
        class_weight: label -> weight, `"balanced"`, or None.

    Raises:
        DataError: fewer than two classes, words without an order, or (when encoding) a label that is not in it.

    >>> codec = OrderedCodec(["low", "mid", "high"]).fit(["high", "low", None, "mid"])
    >>> codec.encode(["mid", None])
    Encoded(array=array([1, 0], dtype=int32), present=array([ True, False]))
    >>> codec.decode(np.array([[3.0, -2.0]])), codec.probabilities(np.array([[0.0, 0.0]])).tolist()
    (array(['mid'], dtype='<U4'), [[0.5, 0.25, 0.25]])
    """

    def __init__(self, order: Sequence[Any] | None = None, class_weight: ClassWeight = None) -> None:
        super().__init__(class_weight)
        self.order = order
        self.flat = True

    @property
    def spec(self) -> Spec:
        """One code."""
        return Spec((), "", "int64", cardinality=len(self.alphabet.labels))

    def fit(self, values: Any) -> Self:
        """Learns the classes, their order, type and shape, and how often each occurs."""
        labels, self.flat = _column(values)
        found = Alphabet.learn(labels)
        if not found.labels:
            raise unlabelled(len(labels.array))
        order = self.order if self.order is not None else _told_order(values)
        self._alphabet = _sorted(found) if order is None else found.arranged(order)
        refuse_measurements(found, len(labels.array))
        if len(self._alphabet.labels) < 2:
            raise DataError(f"Expect the target data to have at least 2 classes, but got 1: {found.labels!r}.")
        codes = self._alphabet.codes(labels.array)
        share = best_probabilities(self._weighted(codes), "crossentropy")
        above = np.cumsum(share[::-1])[::-1][1:]
        self._prior = np.log(above / share[:-1]).astype(np.float32)
        return self

    def encode(self, values: Any) -> Encoded:
        """Labels -> codes (B,) int32; unobserved rows hold 0."""
        codes = self.alphabet.codes(_column(values)[0].array)
        present = codes >= 0
        return Encoded(np.where(present, codes, 0).astype(np.int32), present)

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """A 1 in the row's class (B, K)."""
        cells = np.eye(len(self.labels), dtype=np.float32)[encoded.array]
        return cells, np.repeat(encoded.present[:, None], cells.shape[1], axis=1)

    @property
    def linear_link(self) -> LinearLink:
        return "ordered"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Codes (B,) -> labels in the type and shape the caller gave: the inverse of `encode`."""
        labels = self.alphabet.array[np.asarray(target).astype(np.int64)]
        return labels if self.flat else labels[:, None]

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K-1) -> the median labels, in the type and shape the caller gave."""
        return self.values(self.chosen(raw))

    def chosen(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K-1) -> codes (B,) of the medians."""
        return (np.cumprod(sigmoid(raw), axis=1) > 0.5).sum(axis=1)

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K-1) -> probabilities (B, K) float64."""
        one = np.ones((len(raw), 1))
        reached = np.concatenate([one, np.cumprod(sigmoid(raw), axis=1)], axis=1)
        return reached * np.concatenate([sigmoid(-np.asarray(raw)), one], axis=1)

    def form_state(self) -> dict[str, Any]:
        """Whether labels came flat."""
        return {"flat": self.flat}

    RULES: ClassVar[StateRules] = StateRules(
        flat=Flag(),
        weights=Maybe(Array(np.float64, ("classes",), low=0.0)),
        prior=Array(np.float32, ("outputs",)),
    )

    @staticmethod
    def outputs(classes: int) -> int:
        require(2 <= classes <= MOST_CLASSES, f"labels must be 2 to {MOST_CLASSES} classes, got {classes}.")
        return classes - 1

    def restore_form(self, state: State) -> None:
        """The inverse of `form_state`."""
        self.flat = state["flat"]


def _column(values: Any) -> tuple[Given, bool]:
    labels = given(values)
    if labels.array.ndim > 2 or labels.array.shape[1:] not in ((), (1,)):
        raise DataError(f"Ordered labels must be of shape (B,) or (B, 1), got {labels.array.shape}.")
    return Given(labels.array.reshape(-1), labels.listed), labels.array.ndim == 1


def _told_order(values: Any) -> list[Any] | None:
    """The categories of an ordered categorical of pandas, as an array, a series, or a frame of one column."""
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        values = values.iloc[:, 0]
    dtype = getattr(values, "dtype", None)
    return list(dtype.categories) if dtype is not None and getattr(dtype, "ordered", False) else None


def _sorted(found: Alphabet) -> Alphabet:
    if all(isinstance(label, bool | int | float) for label in found.labels):
        return found
    try:
        return found.arranged(sorted(found.labels, key=float))
    except ValueError:
        known = ", ".join(map(repr, found.labels[:10])) + (", ..." if len(found.labels) > 10 else "")
        raise DataError(
            f"The order of {known} is not known. Give it, the least first: OrderedHead(order=[...]), or hand over an "
            "ordered categorical of pandas."
        ) from None
