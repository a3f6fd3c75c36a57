"""The codec of targets with one class per row. NumPy only."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State
from medley.core.row_reporting import row_number
from medley.core.rules import Array, Choice, Maybe, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError
from medley.heads.cells import as_numbers
from medley.heads.class_weights import ClassWeight
from medley.heads.label_codec import NEVER, LabelCodec
from medley.heads.labels import NUMBER_TYPES, ClassLabels, LabelArray, no_labels_error, read_labels
from medley.heads.priors import best_probabilities, sigmoid, softmax

MAX_CLASSES = 10_000  # the probabilities of 100,000 rows then take 4 GB

Layout = Literal["flat", "column", "one_hot"]


class ClassCodec(LabelCodec):
    """One label per row <-> one logit (binary; target (B, 1) of 0 and 1) or K logits (target (B,) of class indices).

    Args:
        num_classes: number of classes; default: the number that occurs.
        loss: canonical name of the loss that `prior` minimises.
        class_weight: label -> weight, `"balanced"`, or None.

    Raises:
        DataError: there are fewer than two classes or more than `num_classes`, rows are not one-hot, the type of a
            label is not supported, or (when encoding) a label does not occur in the training rows.

    >>> codec = ClassCodec().fit(["cat", "dog", None, "cat", "cow"])
    >>> codec.encode(["cow", None])
    Encoded(array=array([1, 0], dtype=int32), present=array([ True, False]))
    >>> codec.decode(np.array([[0.1, 0.2, 0.9]]))
    array(['dog'], dtype='<U3')
    """

    def __init__(
        self, num_classes: int | None = None, loss: str = "crossentropy", class_weight: ClassWeight = None
    ) -> None:
        super().__init__(class_weight)
        self.num_classes = num_classes
        self.loss = loss
        self.layout: Layout = "flat"
        self._one_hot_dtype: str | None = None

    @property
    def binary(self) -> bool:
        """Whether there are two classes, which have a single logit."""
        return len(self.classes.labels) == 2

    @property
    def spec(self) -> Spec:
        """(K=1) of 0 and 1 for two classes, one class index for more."""
        if self.binary:
            return Spec((1,), "K")
        return Spec((), "", "int64", cardinality=len(self.classes.labels))

    def fit(self, values: Any) -> Self:
        """Learns the classes, the type and layout of the labels, and the class frequencies."""
        labels = read_labels(values)
        self.layout = _layout(labels)
        self._classes = self._learn(labels)
        indices = self._indices(labels)
        if not (indices >= 0).any():
            raise no_labels_error(len(indices))
        self._prior = self._outputs_of(best_probabilities(self._weighted(indices), self.loss))
        return self

    def _outputs_of(self, frequencies: np.ndarray) -> np.ndarray:
        logits = np.log(np.maximum(frequencies, np.finfo(np.float64).tiny))
        return np.atleast_1d(logits[1] - logits[0] if self.binary else logits).astype(np.float32)

    def raw_places(self, wider: Any) -> tuple[np.ndarray, np.ndarray]:
        places, added = super().raw_places(wider)
        return places[1:] if self.binary else places, added  # the first of two classes has a logit of 0

    def added_outputs(self, before: Any, raw: np.ndarray) -> np.ndarray:
        added = super().added_outputs(before, raw)
        logits = np.concatenate([np.zeros_like(raw), raw], axis=1) if before.binary else raw
        level = np.logaddexp.reduce(np.asarray(logits, np.float64), axis=1).mean()
        return (added - np.log1p(-np.exp(added.astype(np.float64)).sum()) + level).astype(np.float32)

    def _learn(self, labels: LabelArray) -> ClassLabels:
        if self.layout == "one_hot":
            return self._learn_one_hot(labels)
        classes = ClassLabels.learn(LabelArray(labels.array.reshape(-1), labels.is_list))
        if not classes.labels:
            raise no_labels_error(len(labels.array))
        classes = self._joined(classes)
        count = self.num_classes or len(classes.labels)
        if len(classes.labels) < count:
            classes = _add_unseen(classes, count)
        if len(classes.labels) < 2:
            raise DataError(
                f"Expect the target data to have at least 2 classes, but got {len(classes.labels)}: {classes.labels!r}."
            )
        if len(classes.labels) > count:
            raise DataError(
                f"num_classes={count}, but the target data has {len(classes.labels)} classes. Leave it unset."
            )
        check_class_count(classes, len(labels.array))
        return classes

    def _learn_one_hot(self, labels: LabelArray) -> ClassLabels:
        width = labels.array.shape[1]
        if self.num_classes not in (None, width):
            raise DataError(f"num_classes={self.num_classes}, but the one-hot target data has {width} columns.")
        self._one_hot_dtype = _number_dtype(labels)
        return ClassLabels(labels.columns, "str") if labels.columns else ClassLabels.integers(width, "int64")

    def labels_among(self, values: Any) -> ClassLabels | None:
        labels = read_labels(values)
        is_matrix = _layout(labels) == "one_hot" or self.layout == "one_hot"
        return None if is_matrix else ClassLabels.learn(LabelArray(labels.array.reshape(-1), labels.is_list))

    def memberships(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(encoded.present)
        return rows, encoded.array.reshape(-1)[rows].astype(np.int64)

    def narrowed(self, encoded: Encoded, wider: Self) -> Encoded:
        if wider is self:
            return encoded
        indices = self.classes.narrowed(encoded.array.reshape(-1).astype(np.int64), wider.classes)
        return self._encoded(np.where(encoded.present, indices, -1))

    def widened(self, raw: np.ndarray, wider: Self) -> np.ndarray:
        if wider is self:
            return raw
        logits = np.concatenate([np.zeros_like(raw), raw], axis=1) if self.binary else np.asarray(raw)
        wide = np.repeat(logits.min(axis=1, keepdims=True) + np.float32(NEVER), len(wider.labels), axis=1)
        wide[:, self.classes.positions(wider.classes)] = logits
        return wide

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """0 and 1 for two classes (B, 1), one-hot rows (B, K) for more."""
        cells = encoded.array if self.binary else np.eye(len(self.labels), dtype=np.float32)[encoded.array]
        return cells, np.repeat(encoded.present[:, None], cells.shape[1], axis=1)

    @property
    def linear_link(self) -> LinearLink:
        return "logit" if self.binary else "multinomial"

    def encode(self, values: Any) -> Encoded:
        """Labels -> (B, 1) float32 of 0 and 1 (binary), or class indices (B,) int32; 0 in unobserved rows."""
        labels = read_labels(values)
        if len(labels.array) and (_layout(labels) == "one_hot") != (self.layout == "one_hot"):
            one_hot = f"one-hot rows of {len(self.labels)} columns"
            raise DataError(
                f"The target was learned from {one_hot if self.layout == 'one_hot' else 'one label per row'}, "
                f"got an array of shape {labels.array.shape}."
            )
        return self._encoded(self._indices(labels))

    def _encoded(self, indices: np.ndarray) -> Encoded:
        """Class indices (B,), -1 where unobserved, as encoded labels."""
        present = indices >= 0
        indices = np.where(present, indices, 0)
        return Encoded(indices.astype(np.float32)[:, None] if self.binary else indices.astype(np.int32), present)

    def _indices(self, labels: LabelArray) -> np.ndarray:
        if self.layout == "one_hot":
            return _one_hot_indices(labels.array, len(self.labels))
        return self.classes.indices(labels.array.reshape(-1))

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, ...) -> labels in the type and layout of the training labels; inverse of `encode`."""
        return self._labels_of(np.asarray(target).reshape(-1).astype(np.int64))

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> the most probable labels, in the type and layout of the training labels."""
        return self._labels_of(self.predicted_indices(raw))

    def predicted_indices(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> indices (B,) of the most probable classes."""
        raw = np.asarray(raw)
        return (raw[:, 0] > 0).astype(np.int64) if self.binary else raw.argmax(axis=1)

    def _labels_of(self, indices: np.ndarray) -> np.ndarray:
        if self.layout == "one_hot":
            return np.eye(len(self.labels), dtype=self._one_hot_dtype)[indices]
        labels = self.classes.array[indices]
        return labels[:, None] if self.layout == "column" else labels

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> probabilities (B, classes) float64, with two columns for two classes."""
        raw = np.asarray(raw)
        return np.concatenate([sigmoid(-raw), sigmoid(raw)], axis=1) if self.binary else softmax(raw)

    def layout_state(self) -> dict[str, Any]:
        """The layout of the training labels: flat, a column, or one-hot."""
        return {"form": self.layout, "one_hot_dtype": self._one_hot_dtype}

    RULES: ClassVar[StateRules] = StateRules(
        form=Choice("flat", "column", "one_hot"),
        one_hot_dtype=Maybe(Choice(*NUMBER_TYPES)),
        weights=Maybe(Array(np.float64, ("classes",), low=0.0)),
        prior=Array(np.float32, ("outputs",)),
    )

    @staticmethod
    def outputs(classes: int) -> int:
        require(2 <= classes <= MAX_CLASSES, f"labels must be 2 to {MAX_CLASSES} classes, got {classes}.")
        return 1 if classes == 2 else classes

    def restore_layout(self, state: State) -> None:
        """The inverse of `layout_state`."""
        self.layout, self._one_hot_dtype = state["form"], state["one_hot_dtype"]
        require((self.layout == "one_hot") == (self._one_hot_dtype is not None), "one_hot_dtype does not fit form.")


def _layout(labels: LabelArray) -> Layout:
    if labels.array.ndim == 1:
        return "flat"
    if labels.array.ndim != 2:
        raise DataError(f"Labels must be of shape (B,), (B, 1) or (B, classes), got {labels.array.shape}.")
    return "column" if labels.array.shape[1] == 1 else "one_hot"


def _add_unseen(classes: ClassLabels, count: int) -> ClassLabels:
    if classes.dtype == "bool" and count == 2:
        return ClassLabels((False, True), "bool")
    is_numbered = all(isinstance(label, int | float) and label in range(count) for label in classes.labels)
    if is_numbered and np.dtype(classes.dtype).kind in "iuf":
        return ClassLabels.integers(count, classes.dtype)
    raise DataError(
        f"num_classes={count}, but the target data has {len(classes.labels)} classes: {classes.labels[:10]!r}. "
        f"Only the whole numbers 0 to {count - 1} can be labels of classes without rows; leave num_classes unset."
    )


def check_class_count(classes: ClassLabels, rows: int) -> None:
    """Checks that the labels of `rows` rows are classes rather than measurements, and not too many.

    Raises:
        DataError: there are more than `MAX_CLASSES`, or fractions that rarely recur.
    """
    count = len(classes.labels)
    if count > MAX_CLASSES:
        raise DataError(
            f"{count:,} distinct labels in {rows:,} rows: more than {MAX_CLASSES:,} classes are not supported. "
            "Replace rare labels by a common one, or predict a part of the label."
        )
    fractions = [label for label in classes.labels if isinstance(label, float) and not label.is_integer()]
    if fractions and count > max(20, rows // 2):
        raise DataError(
            f"{count} distinct labels in {rows} rows, among them {fractions[0]!r}: these look like measured numbers. "
            "Use RegressionHead."
        )


def _number_dtype(labels: LabelArray) -> str:
    return labels.array.dtype.name if labels.array.dtype.kind in "biuf" else "float64" if labels.columns else "int64"


def _one_hot_indices(array: np.ndarray, width: int) -> np.ndarray:
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"Expect the target data to have shape (B, {width}), but got {array.shape}.")
    cells = as_numbers(array, "One-hot rows")
    missing = np.isnan(cells).all(axis=1)
    wrong = ~missing & ~(((cells == 0) | (cells == 1)).all(axis=1) & (cells.sum(axis=1) == 1))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"The rows of a target with {width} columns must be one-hot, a single 1 among zeros; row {row_number(row)} "
            f"is {cells[row][:10].tolist()}. For several labels per row, use ClassificationHead(multi_label=True); for "
            "several numbers, RegressionHead. Unobserved rows are all NaN."
        )
    return np.where(missing, -1, np.nan_to_num(cells).argmax(axis=1))
