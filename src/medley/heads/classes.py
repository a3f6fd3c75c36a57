"""The codec of targets with one class per row. NumPy only."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State
from medley.core.numbering import row_number
from medley.core.rules import Array, Choice, Maybe, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError
from medley.heads.cells import as_numbers
from medley.heads.class_weights import ClassWeight
from medley.heads.label_codec import LabelCodec
from medley.heads.labels import NUMBER_TYPES, Alphabet, Given, given, unlabelled
from medley.heads.priors import best_probabilities, sigmoid, softmax

MOST_CLASSES = 10_000
"""Classes that a head tells apart: the probabilities of 100,000 rows take 4 GB then."""

Form = Literal["flat", "column", "one_hot"]


class ClassCodec(LabelCodec):
    """One label per row <-> one logit (two classes; target (B, 1) of 0 and 1) or K logits (target (B,) of codes).

    Args:
        num_classes: number of classes; None counts them.
        loss: canonical name of the loss that `prior` is best for.
        class_weight: label -> weight, `"balanced"`, or None.

    Raises:
        DataError: fewer than two classes, more than `num_classes`, rows that are not one-hot, a label of a type
            that cannot be kept, or (when encoding) one that was not there in training.

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
        self.form: Form = "flat"
        self._one_hot_dtype: str | None = None

    @property
    def binary(self) -> bool:
        """Whether there are two classes, told apart by one logit."""
        return len(self.alphabet.labels) == 2

    @property
    def spec(self) -> Spec:
        """(K=1) of 0 and 1 for two classes, one code for more."""
        if self.binary:
            return Spec((1,), "K")
        return Spec((), "", "int64", cardinality=len(self.alphabet.labels))

    def fit(self, values: Any) -> Self:
        """Learns the classes, their type and shape, and how often each occurs."""
        labels = given(values)
        self.form = _form(labels)
        self._alphabet = self._learn(labels)
        codes = self._codes(labels)
        if not (codes >= 0).any():
            raise unlabelled(len(codes))
        logits = np.log(best_probabilities(self._weighted(codes), self.loss))
        self._prior = np.atleast_1d(logits[1] - logits[0] if self.binary else logits).astype(np.float32)
        return self

    def _learn(self, labels: Given) -> Alphabet:
        if self.form == "one_hot":
            return self._columns(labels)
        found = Alphabet.learn(Given(labels.array.reshape(-1), labels.listed))
        if not found.labels:
            raise unlabelled(len(labels.array))
        wanted = self.num_classes or len(found.labels)
        if len(found.labels) < wanted:
            found = _with_unseen(found, wanted)
        if len(found.labels) < 2:
            raise DataError(
                f"Expect the target data to have at least 2 classes, but got {len(found.labels)}: {found.labels!r}."
            )
        if len(found.labels) > wanted:
            raise DataError(
                f"num_classes={wanted}, but the target data has {len(found.labels)} classes. Leave it unset."
            )
        refuse_measurements(found, len(labels.array))
        return found

    def _columns(self, labels: Given) -> Alphabet:
        width = labels.array.shape[1]
        if self.num_classes not in (None, width):
            raise DataError(f"num_classes={self.num_classes}, but the one-hot target data has {width} columns.")
        self._one_hot_dtype = _number_dtype(labels)
        return Alphabet(labels.columns, "str") if labels.columns else Alphabet.numbered(width, "int64")

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """0 and 1 of two classes (B, 1); of more, a 1 in the row's class (B, K)."""
        cells = encoded.array if self.binary else np.eye(len(self.labels), dtype=np.float32)[encoded.array]
        return cells, np.repeat(encoded.present[:, None], cells.shape[1], axis=1)

    @property
    def linear_link(self) -> LinearLink:
        return "logit" if self.binary else "multinomial"

    def encode(self, values: Any) -> Encoded:
        """Labels -> (B, 1) float32 of 0 and 1 (two classes) or (B,) int32 of codes; unobserved rows hold 0."""
        labels = given(values)
        if len(labels.array) and (_form(labels) == "one_hot") != (self.form == "one_hot"):
            one_hot = f"one-hot rows of {len(self.labels)} columns"
            raise DataError(
                f"The target was learnt from {one_hot if self.form == 'one_hot' else 'one label per row'}, "
                f"got an array of shape {labels.array.shape}."
            )
        codes = self._codes(labels)
        present = codes >= 0
        codes = np.where(present, codes, 0)
        return Encoded(codes.astype(np.float32)[:, None] if self.binary else codes.astype(np.int32), present)

    def _codes(self, labels: Given) -> np.ndarray:
        if self.form == "one_hot":
            return _one_hot_codes(labels.array, len(self.labels))
        return self.alphabet.codes(labels.array.reshape(-1))

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, ...) -> labels in the type and shape the caller gave: the inverse of `encode`."""
        return self._labelled(np.asarray(target).reshape(-1).astype(np.int64))

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> the likeliest labels, in the type and shape the caller gave."""
        return self._labelled(self.chosen(raw))

    def chosen(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> codes (B,) of the likeliest classes."""
        raw = np.asarray(raw)
        return (raw[:, 0] > 0).astype(np.int64) if self.binary else raw.argmax(axis=1)

    def _labelled(self, codes: np.ndarray) -> np.ndarray:
        if self.form == "one_hot":
            return np.eye(len(self.labels), dtype=self._one_hot_dtype)[codes]
        labels = self.alphabet.array[codes]
        return labels[:, None] if self.form == "column" else labels

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> probabilities (B, classes) float64, two columns for two classes."""
        raw = np.asarray(raw)
        return np.concatenate([sigmoid(-raw), sigmoid(raw)], axis=1) if self.binary else softmax(raw)

    def form_state(self) -> dict[str, Any]:
        """Whether labels came flat, in a column or one-hot."""
        return {"form": self.form, "one_hot_dtype": self._one_hot_dtype}

    RULES: ClassVar[StateRules] = StateRules(
        form=Choice("flat", "column", "one_hot"),
        one_hot_dtype=Maybe(Choice(*NUMBER_TYPES)),
        weights=Maybe(Array(np.float64, ("classes",), low=0.0)),
        prior=Array(np.float32, ("outputs",)),
    )

    @staticmethod
    def outputs(classes: int) -> int:
        require(2 <= classes <= MOST_CLASSES, f"labels must be 2 to {MOST_CLASSES} classes, got {classes}.")
        return 1 if classes == 2 else classes

    def restore_form(self, state: State) -> None:
        """The inverse of `form_state`."""
        self.form, self._one_hot_dtype = state["form"], state["one_hot_dtype"]
        require((self.form == "one_hot") == (self._one_hot_dtype is not None), "one_hot_dtype does not fit form.")


def _form(labels: Given) -> Form:
    if labels.array.ndim == 1:
        return "flat"
    if labels.array.ndim != 2:
        raise DataError(f"Labels must be of shape (B,), (B, 1) or (B, classes), got {labels.array.shape}.")
    return "column" if labels.array.shape[1] == 1 else "one_hot"


def _with_unseen(found: Alphabet, wanted: int) -> Alphabet:
    if found.dtype == "bool" and wanted == 2:
        return Alphabet((False, True), "bool")
    numbers = all(isinstance(label, int | float) and label in range(wanted) for label in found.labels)
    if numbers and np.dtype(found.dtype).kind in "iuf":
        return Alphabet.numbered(wanted, found.dtype)
    raise DataError(
        f"num_classes={wanted}, but the target data has {len(found.labels)} classes: {found.labels[:10]!r}. "
        f"Only the whole numbers 0 to {wanted - 1} can stand for classes that no row has; leave num_classes unset."
    )


def refuse_measurements(found: Alphabet, rows: int) -> None:
    """Says that a target of many distinct fractions is a number, and no class.

    Raises:
        DataError: it is one.
    """
    if len(found.labels) > MOST_CLASSES:
        raise DataError(
            f"{len(found.labels):,} distinct labels in {rows:,} rows: more than {MOST_CLASSES:,} classes cannot be "
            "told apart. Give the rare ones one name, or predict a part of the label."
        )
    fractions = [label for label in found.labels if isinstance(label, float) and not label.is_integer()]
    if fractions and len(found.labels) > max(20, rows // 2):
        raise DataError(
            f"{len(found.labels)} distinct labels in {rows} rows, among them {fractions[0]!r}: these look like "
            "measured numbers. Use RegressionHead."
        )


def _number_dtype(labels: Given) -> str:
    return labels.array.dtype.name if labels.array.dtype.kind in "biuf" else "float64" if labels.columns else "int64"


def _one_hot_codes(array: np.ndarray, width: int) -> np.ndarray:
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"Expect the target data to have shape (B, {width}), but got {array.shape}.")
    cells = as_numbers(array, "One-hot rows")
    missing = np.isnan(cells).all(axis=1)
    wrong = ~missing & ~(((cells == 0) | (cells == 1)).all(axis=1) & (cells.sum(axis=1) == 1))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"A target of {width} columns holds one-hot rows, a single 1 among zeros; row {row_number(row)} is "
            f"{cells[row][:10].tolist()}. For several labels per row use ClassificationHead(multi_label=True), "
            "for several numbers RegressionHead; an unobserved row is all NaN."
        )
    return np.where(missing, -1, np.nan_to_num(cells).argmax(axis=1))
