"""The codec of targets with any number of labels per row. NumPy only."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State
from medley.core.numbering import row_number
from medley.core.rules import Array, Choice, Maybe, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError
from medley.heads.cells import as_numbers
from medley.heads.class_weights import ClassWeight, balanced, by_label
from medley.heads.label_codec import LabelCodec
from medley.heads.labels import NUMBER_TYPES, ROWS, Alphabet, Given, given, unlabelled
from medley.heads.priors import best_probabilities, sigmoid

UNKNOWN = -1.0  # the code of a cell that is not observed, in a row of which others are


class LabelSetCodec(LabelCodec):
    """A 0/1 matrix, or lists of labels <-> K logits; target (B, K) of 0, 1 and -1 (that cell is not observed).

    Rows come as a matrix (B, K) of 0 and 1, in which a cell may be missing by itself, or as lists or sets of labels.
    A list of lists that are all of one length and hold nothing but 0 and 1 is a matrix.

    Args:
        num_classes: number of labels; None counts them.
        loss: canonical name of the loss that `prior` is best for.
        class_weight: label -> weight of the cells that have it, `"balanced"` (having and not having a label weigh
            the same together), or None.

    Raises:
        DataError: cells other than 0 and 1, rows that are no lists of labels, another number of labels.

    >>> codec = LabelSetCodec().fit([["red", "big"], [], None, ["red"]])
    >>> codec.labels, codec.encode([["red"], None]).array.tolist()
    (['big', 'red'], [[0.0, 1.0], [0.0, 0.0]])
    >>> codec.decode(np.array([[2.0, 1.0], [-1.0, -1.0]])).tolist()
    [['big', 'red'], []]
    """

    def __init__(
        self, num_classes: int | None = None, loss: str = "crossentropy", class_weight: ClassWeight = None
    ) -> None:
        super().__init__(class_weight)
        self.num_classes = num_classes
        self.loss = loss
        self.form: Literal["matrix", "lists"] = "matrix"
        self._matrix_dtype = "int64"

    @property
    def spec(self) -> Spec:
        """K cells."""
        return Spec((len(self.alphabet.labels),), "K")

    def fit(self, values: Any) -> Self:
        """Learns the labels and how often each occurs; `weights` becomes (2, K): of cells 0 and of cells 1."""
        self.form = "matrix" if _is_matrix(values) else "lists"
        cells = self._fit_matrix(given(values)) if self.form == "matrix" else self._fit_lists(_label_rows(values))
        if np.isnan(cells).all():
            raise unlabelled(len(cells))
        if self.num_classes not in (None, cells.shape[1]):
            raise DataError(
                f"num_classes={self.num_classes}, but the target data has {cells.shape[1]} labels. Leave it unset."
            )
        values = np.stack([cells == 0, cells == 1]).astype(np.float64)
        if self.class_weight is not None:
            rule = self.class_weight
            having = None if isinstance(rule, str) else by_label(rule, self.labels)
            even = [balanced(column) for column in values.sum(axis=1).T]
            self.weights = np.stack(even, axis=1) if having is None else np.stack([np.ones_like(having), having])
        # The loss of a row is a mean over its observed cells: where they are few, each counts more.
        share = 1 / np.maximum(values.sum(axis=(0, 2)), 1)
        mass = np.einsum("vbk,b->vk", values, share) * (1.0 if self.weights is None else self.weights)
        best = np.log([best_probabilities(column, self.loss) for column in mass.T])
        self._prior = (best[:, 1] - best[:, 0]).astype(np.float32)
        return self

    def _fit_matrix(self, labels: Given) -> np.ndarray:
        kind = labels.array.dtype.kind
        self._matrix_dtype = labels.array.dtype.name if kind in "biuf" else "float64"
        width = labels.array.shape[-1]
        self._alphabet = Alphabet(labels.columns, "str") if labels.columns else Alphabet.numbered(width, "int64")
        return _cells(labels.array, width)

    def _fit_lists(self, rows: list[list[Any] | None]) -> np.ndarray:
        if all(row is None for row in rows):
            raise unlabelled(len(rows))
        self._alphabet = Alphabet.learn(Given(_flat(rows), listed=True))
        if not self._alphabet.labels:
            raise DataError("Expect the target data to have at least 1 label, but no row has any.")
        return self._multi_hot(rows)

    def _multi_hot(self, rows: list[list[Any] | None]) -> np.ndarray:
        cells = np.zeros((len(rows), len(self.alphabet.labels)))
        owner = np.repeat(np.arange(len(rows)), [len(row or ()) for row in rows])
        cells[owner, self.alphabet.codes(_flat(rows))] = 1.0
        cells[np.array([row is None for row in rows], dtype=bool)] = np.nan
        return cells

    def encode(self, values: Any) -> Encoded:
        """Label sets -> (B, K) float32 of 0, 1 and -1 (that cell is not observed); unobserved rows hold 0."""
        if self.form == "lists":
            cells = self._multi_hot(_label_rows(values))
        else:
            cells = _cells(given(values).array, len(self.labels))
        present = np.any(~np.isnan(cells), axis=1)
        cells = np.where(np.isnan(cells), UNKNOWN, cells)
        cells[~present] = 0.0
        return Encoded(cells.astype(np.float32), present)

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """0 and 1 of each label (B, K)."""
        observed = (encoded.array != UNKNOWN) & encoded.present[:, None]
        return np.where(observed, encoded.array, 0.0).astype(np.float32), observed

    @property
    def linear_link(self) -> LinearLink:
        return "logit"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, K) -> a matrix or lists of labels, as the caller gave them: the inverse of `encode`."""
        target = np.asarray(target)
        if self.form == "matrix" and (target == UNKNOWN).any():
            return np.where(target == UNKNOWN, np.nan, target)
        return self._labelled(target == 1)

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> a 0/1 matrix, or an array (B,) of lists of labels, as the caller gave them."""
        return self._labelled(np.asarray(raw) > 0)

    def _labelled(self, have: np.ndarray) -> np.ndarray:
        if self.form == "matrix":
            return have.astype(self._matrix_dtype)
        rows = np.empty(len(have), dtype=object)
        for place, row in enumerate(have):
            rows[place] = [self.alphabet.labels[code] for code in np.flatnonzero(row)]
        return rows

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> probability of each label (B, K) float64; they do not sum to 1."""
        return sigmoid(np.asarray(raw))

    def form_state(self) -> dict[str, Any]:
        """Whether labels came as a matrix or as lists."""
        return {"form": self.form, "matrix_dtype": self._matrix_dtype}

    RULES: ClassVar[StateRules] = StateRules(
        form=Choice("matrix", "lists"),
        matrix_dtype=Choice(*NUMBER_TYPES),
        weights=Maybe(Array(np.float64, (2, "classes"), low=0.0)),
        prior=Array(np.float32, ("outputs",)),
    )

    @staticmethod
    def outputs(classes: int) -> int:
        require(classes, "labels must have one label at least, got none.")
        return classes

    def restore_form(self, state: State) -> None:
        """The inverse of `form_state`."""
        self.form, self._matrix_dtype = state["form"], state["matrix_dtype"]


def _is_matrix(values: Any) -> bool:
    if getattr(values, "ndim", None) == 2 or hasattr(values, "columns"):
        return True
    if not isinstance(values, list | tuple) or any(isinstance(row, set | frozenset) for row in values):
        return False
    seen = [row for row in _label_rows(values) if row is not None]
    even = len({len(row) for row in seen}) == 1 and len(seen[0]) > 0
    return even and all(_missing(cell) or cell in (0, 1) for row in seen for cell in row)


def _label_rows(values: Any) -> list[list[Any] | None]:
    """Rows of labels, None for an unobserved row."""
    if not hasattr(values, "__iter__") or hasattr(values, "columns"):
        raise DataError(f"Labels must be a list of labels per row, or a 0/1 matrix throughout; got {values!r}.")
    return [_row(place, row) for place, row in enumerate(values)]


def _row(place: int, row: Any) -> list[Any] | None:
    if isinstance(row, (*ROWS, set, frozenset)):
        return list(row)
    if _missing(row):
        return None
    raise DataError(
        f"multi_label=True expects a 0/1 matrix (B, labels), or a list of labels per row (None where unobserved); "
        f"row {row_number(place)} is {row.item() if isinstance(row, np.generic) else row!r}."
    )


def _missing(value: Any) -> bool:
    # Pandas's NA refuses to be compared, and to ask it by type would import pandas.
    return value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType"


def _flat(rows: list[list[Any] | None]) -> np.ndarray:
    for place, row in enumerate(rows):
        if row is not None and any(map(_missing, row)):
            told = f"Row {row_number(place)} holds a missing label: {row!r}."
            raise DataError(f"{told} Make the whole row None if it is not known.")
    labels = [label for row in rows for label in row or ()]
    flat = np.empty(len(labels), dtype=object)
    flat[:] = labels
    return flat


def _cells(array: np.ndarray, width: int) -> np.ndarray:
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(f"Expect the target data to have shape (B, {width}), but got {array.shape}.")
    cells = as_numbers(array, "With multi_label=True, target cells")
    wrong = ~(np.isnan(cells) | (cells == 0) | (cells == 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"With multi_label=True, target cells are 0 or 1 (NaN where unobserved); row {row_number(row)}, column "
            f"{column} is {cells[row, column]:g}."
        )
    return cells
