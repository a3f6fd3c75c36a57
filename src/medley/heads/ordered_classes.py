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
from medley.heads.classes import MAX_CLASSES, check_class_count
from medley.heads.label_codec import NEVER, LabelCodec
from medley.heads.labels import ClassLabels, LabelArray, no_labels_error, read_labels
from medley.heads.priors import best_probabilities, sigmoid


class OrderedCodec(LabelCodec):
    """One of K ordered labels per row <-> K-1 logits: that a row is above class k, given that it is not below it.

    The prediction is the median: the lowest class whose cumulative probability is at least one half.

    Args:
        order: the labels from lowest to highest; default: the order of numbers, or of an ordered pandas categorical.
        class_weight: label -> weight, `"balanced"`, or None.

    Raises:
        DataError: there are fewer than two classes, the labels have no order, or (when encoding) a label does not occur
            in the order.

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
        """One class index."""
        return Spec((), "", "int64", cardinality=len(self.classes.labels))

    def fit(self, values: Any) -> Self:
        """Learns the classes and their order, the type and shape of the labels, and the class frequencies."""
        labels, self.flat = _flat_labels(values)
        classes = ClassLabels.learn(labels)
        if not classes.labels:
            raise no_labels_error(len(labels.array))
        classes = self._joined(classes)
        order = self.order if self.order is not None else _categorical_order(values)
        self._classes = _sort_labels(classes) if order is None else classes.in_order(order)
        check_class_count(classes, len(labels.array))
        if len(self._classes.labels) < 2:
            raise DataError(f"Expect the target data to have at least 2 classes, but got 1: {classes.labels!r}.")
        indices = self._classes.indices(labels.array)
        self._prior = self._outputs_of(best_probabilities(self._weighted(indices), "crossentropy"))
        return self

    def _outputs_of(self, frequencies: np.ndarray) -> np.ndarray:
        frequencies = np.maximum(frequencies, np.finfo(np.float64).tiny)
        above = np.cumsum(frequencies[::-1])[::-1][1:]
        return np.log(above / frequencies[:-1]).astype(np.float32)

    def raw_places(self, wider: Any) -> tuple[np.ndarray, np.ndarray]:
        places = self.classes.positions(wider.classes)[:-1]  # whether a row is above the highest class is not known yet
        return places, np.setdiff1d(np.arange(len(wider.labels) - 1), places)

    def encode(self, values: Any) -> Encoded:
        """Labels -> class indices (B,) int32; 0 in unobserved rows."""
        return _encoded(self.classes.indices(_flat_labels(values)[0].array))

    def labels_among(self, values: Any) -> ClassLabels | None:
        return ClassLabels.learn(_flat_labels(values)[0])

    def joined(self, other: ClassLabels) -> ClassLabels:
        """The codec's labels, and those of other rows: numbers in their order, words above all others."""
        classes = self.classes
        wide = classes.joined(other)
        if wide is classes:
            return classes
        try:
            if list(classes.labels) == sorted(classes.labels, key=float):
                return wide.in_order(sorted(wide.labels, key=float))
        except ValueError:  # words, whose order is not known
            pass
        return wide.in_order([*classes.labels, *(label for label in wide.labels if label not in classes.labels)])

    def memberships(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(encoded.present)
        return rows, encoded.array[rows].astype(np.int64)

    def narrowed(self, encoded: Encoded, wider: Self) -> Encoded:
        if wider is self:
            return encoded
        indices = self.classes.narrowed(encoded.array.astype(np.int64), wider.classes)
        return _encoded(np.where(encoded.present, indices, -1))

    def widened(self, raw: np.ndarray, wider: Self) -> np.ndarray:
        if wider is self:
            return raw
        raw = np.asarray(raw)
        # Nothing stops at an additional class, and all that reaches the highest class so far stops there.
        wide = np.full((len(raw), len(wider.labels)), -NEVER, raw.dtype)
        places = self.classes.positions(wider.classes)
        wide[:, places[:-1]] = raw
        wide[:, places[-1]] = NEVER
        return wide[:, :-1]

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """One-hot rows (B, K)."""
        cells = np.eye(len(self.labels), dtype=np.float32)[encoded.array]
        return cells, np.repeat(encoded.present[:, None], cells.shape[1], axis=1)

    @property
    def linear_link(self) -> LinearLink:
        return "ordered"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Class indices (B,) -> labels in the type and shape of the training labels; the inverse of `encode`."""
        labels = self.classes.array[np.asarray(target).astype(np.int64)]
        return labels if self.flat else labels[:, None]

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K-1) -> the median labels, in the type and shape of the training labels."""
        return self.values(self.predicted_indices(raw))

    def predicted_indices(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K-1) -> indices (B,) of the median classes."""
        return (np.cumprod(sigmoid(raw), axis=1) > 0.5).sum(axis=1)

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K-1) -> probabilities (B, K) float64."""
        ones = np.ones((len(raw), 1))
        reached = np.concatenate([ones, np.cumprod(sigmoid(raw), axis=1)], axis=1)
        return reached * np.concatenate([sigmoid(-np.asarray(raw)), ones], axis=1)

    def layout_state(self) -> dict[str, Any]:
        """Whether the training labels had shape (B,)."""
        return {"flat": self.flat}

    RULES: ClassVar[StateRules] = StateRules(
        flat=Flag(),
        weights=Maybe(Array(np.float64, ("classes",), low=0.0)),
        prior=Array(np.float32, ("outputs",)),
    )

    @staticmethod
    def outputs(classes: int) -> int:
        require(2 <= classes <= MAX_CLASSES, f"labels must be 2 to {MAX_CLASSES} classes, got {classes}.")
        return classes - 1

    def restore_layout(self, state: State) -> None:
        """The inverse of `layout_state`."""
        self.flat = state["flat"]


def _encoded(indices: np.ndarray) -> Encoded:
    """Class indices (B,), -1 where unobserved, as encoded labels."""
    present = indices >= 0
    return Encoded(np.where(present, indices, 0).astype(np.int32), present)


def _flat_labels(values: Any) -> tuple[LabelArray, bool]:
    """Labels (B,), and whether they had this shape."""
    labels = read_labels(values)
    if labels.array.ndim > 2 or labels.array.shape[1:] not in ((), (1,)):
        raise DataError(f"Ordered labels must be of shape (B,) or (B, 1), got {labels.array.shape}.")
    return LabelArray(labels.array.reshape(-1), labels.is_list), labels.array.ndim == 1


def _categorical_order(values: Any) -> list[Any] | None:
    """The categories of an ordered pandas categorical (an array, a series, or a frame of one column); else None."""
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        values = values.iloc[:, 0]
    dtype = getattr(values, "dtype", None)
    return list(dtype.categories) if dtype is not None and getattr(dtype, "ordered", False) else None


def _sort_labels(classes: ClassLabels) -> ClassLabels:
    if all(isinstance(label, bool | int | float) for label in classes.labels):
        return classes
    try:
        return classes.in_order(sorted(classes.labels, key=float))
    except ValueError:
        labels = ", ".join(map(repr, classes.labels[:10])) + (", ..." if len(classes.labels) > 10 else "")
        raise DataError(
            f"The order of {labels} is unknown. List the labels from lowest to highest, OrderedHead(order=[...]), or "
            "use an ordered pandas categorical."
        ) from None
