"""The codec of targets with any number of labels per row. NumPy only."""

from __future__ import annotations

from numbers import Number
from typing import Any, ClassVar, Literal, Self

import numpy as np

from medley.core.codec import Encoded, LinearLink, State
from medley.core.row_reporting import row_number, using_row_numbers
from medley.core.rules import Array, Choice, Maybe, StateRules, require
from medley.core.spec import Spec
from medley.errors import DataError
from medley.heads.cells import as_numbers
from medley.heads.class_weights import ClassWeight, balanced_weights, weights_by_class
from medley.heads.label_codec import NEVER, LabelCodec
from medley.heads.labels import NUMBER_TYPES, ROWS, ClassLabels, LabelArray, no_labels_error, read_labels
from medley.heads.priors import best_probabilities, sigmoid

UNOBSERVED = -1.0  # an unobserved cell in a row with observed ones


class LabelSetCodec(LabelCodec):
    """A 0/1 matrix or lists of labels <-> K logits; the target is (B, K) of 0, 1 and -1 (the cell is not observed).

    Rows are a matrix (B, K) of 0 and 1, in which single cells may be missing, or lists or sets of labels. A list of
    lists that have equal lengths and contain only 0 and 1 is a matrix.

    Args:
        num_classes: number of labels; default: the number that occurs.
        loss: canonical name of the loss that `prior` minimises.
        class_weight: label -> weight of the cells that have the label, `"balanced"` (rows with and without a label have
            the same total weight), or None.

    Raises:
        DataError: cells are neither 0 nor 1, rows are not lists of labels, or the number of labels differs.

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
        self.layout: Literal["matrix", "lists"] = "matrix"
        self._matrix_dtype = "int64"

    @property
    def spec(self) -> Spec:
        """K cells."""
        return Spec((len(self.classes.labels),), "K")

    def fit(self, values: Any) -> Self:
        """Learns the labels and their frequencies; `weights` becomes (2, K), for cells 0 and for cells 1."""
        self.layout = "matrix" if _is_matrix(values) else "lists"
        cells = (
            self._fit_matrix(read_labels(values)) if self.layout == "matrix" else self._fit_lists(_label_rows(values))
        )
        if np.isnan(cells).all():
            raise no_labels_error(len(cells))
        if self.num_classes not in (None, cells.shape[1]):
            raise DataError(
                f"num_classes={self.num_classes}, but the target data has {cells.shape[1]} labels. Leave it unset."
            )
        is_value = np.stack([cells == 0, cells == 1]).astype(np.float64)
        self.learned = is_value[1].any(axis=0)
        if self.class_weight is not None:
            self.weights = self._cell_weights(is_value.sum(axis=1))
        # The loss of a row is a mean over its observed cells, so a cell counts more if few are observed.
        row_weights = 1 / np.maximum(is_value.sum(axis=(0, 2)), 1)
        mass = np.einsum("vbk,b->vk", is_value, row_weights) * (1.0 if self.weights is None else self.weights)
        logarithms = np.log([best_probabilities(label_mass, self.loss) for label_mass in mass.T])
        self._prior = (logarithms[:, 1] - logarithms[:, 0]).astype(np.float32)
        return self

    def _cell_weights(self, counts: np.ndarray) -> np.ndarray:
        """Weights (2, K) of cells 0 and of cells 1, given their counts (2, K)."""
        if isinstance(self.class_weight, str):
            return np.stack([balanced_weights(label_counts) for label_counts in counts.T], axis=1)
        weights = weights_by_class(self.class_weight or {}, self.labels)
        return np.stack([np.ones_like(weights), weights])

    def _fit_matrix(self, labels: LabelArray) -> np.ndarray:
        kind = labels.array.dtype.kind
        self._matrix_dtype = labels.array.dtype.name if kind in "biuf" else "float64"
        width = labels.array.shape[-1]
        self._classes = ClassLabels(labels.columns, "str") if labels.columns else ClassLabels.integers(width, "int64")
        return _cells(labels.array, width)

    def _fit_lists(self, rows: list[list[Any] | None]) -> np.ndarray:
        if all(row is None for row in rows):
            raise no_labels_error(len(rows))
        self._classes = self._joined(ClassLabels.learn(LabelArray(_flatten(rows), is_list=True)))
        if not self._classes.labels:
            raise DataError("Expect the target data to have at least 1 label, but no row has one.")
        return self._multi_hot(rows)

    def _multi_hot(self, rows: list[list[Any] | None]) -> np.ndarray:
        cells = np.zeros((len(rows), len(self.classes.labels)))
        row_indices = np.repeat(np.arange(len(rows)), [len(row or ()) for row in rows])
        numbers = np.array([row_number(row) for row in range(len(rows))], np.int64)
        with using_row_numbers(numbers[row_indices]):  # of the rows, not of the labels
            cells[row_indices, self.classes.indices(_flatten(rows))] = 1.0
        cells[np.array([row is None for row in rows], dtype=bool)] = np.nan
        return cells

    def encode(self, values: Any) -> Encoded:
        """Label sets -> (B, K) float32 of 0, 1 and -1 (the cell is not observed); 0 in unobserved rows."""
        if self.layout == "lists":
            cells = self._multi_hot(_label_rows(values))
        else:
            cells = _cells(read_labels(values).array, len(self.labels))
        present = np.any(~np.isnan(cells), axis=1)
        cells = np.where(np.isnan(cells), UNOBSERVED, cells)
        cells[~present] = 0.0
        return Encoded(cells.astype(np.float32), present)

    def labels_among(self, values: Any) -> ClassLabels | None:
        if _is_matrix(values) if self._classes is None else self.layout == "matrix":
            return None
        return ClassLabels.learn(LabelArray(_flatten(_label_rows(values)), is_list=True))

    def memberships(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        rows, indices = np.nonzero((encoded.array == 1) & encoded.present[:, None])
        return rows, indices

    def without(self, encoded: Encoded, rows: np.ndarray, indices: np.ndarray) -> Encoded:
        array = encoded.array.copy()
        array[rows, indices] = UNOBSERVED
        present = encoded.present & (array != UNOBSERVED).any(axis=1)
        array[~present] = 0.0
        return Encoded(array, present)

    def narrowed(self, encoded: Encoded, wider: Self) -> Encoded:
        if wider is self:
            return encoded
        return Encoded(encoded.array[:, self.classes.positions(wider.classes)], encoded.present)

    def widened(self, raw: np.ndarray, wider: Self) -> np.ndarray:
        raw = np.asarray(raw)
        wide = np.full((len(raw), len(wider.labels)), NEVER, raw.dtype)
        wide[:, self.classes.positions(wider.classes)] = raw
        return wide

    def _left_by(self, added: np.ndarray) -> float:
        return 1.0  # a row may have any number of labels

    def _outputs_of(self, frequencies: np.ndarray) -> np.ndarray:
        bounds = np.finfo(np.float64)
        frequencies = np.clip(frequencies, bounds.tiny, 1 - bounds.eps)
        return np.log(frequencies / (1 - frequencies)).astype(np.float32)

    def linear_targets(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """0 and 1 for each label (B, K)."""
        observed = (encoded.array != UNOBSERVED) & encoded.present[:, None]
        return np.where(observed, encoded.array, 0.0).astype(np.float32), observed

    @property
    def linear_link(self) -> LinearLink:
        return "logit"

    def values(self, target: np.ndarray) -> np.ndarray:
        """Encoded targets (B, K) -> a matrix or lists of labels, like the training labels; inverse of `encode`."""
        target = np.asarray(target)
        if self.layout == "matrix" and (target == UNOBSERVED).any():
            return np.where(target == UNOBSERVED, np.nan, target)
        return self._label_sets(target == 1)

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> a 0/1 matrix, or an array (B,) of lists of labels, like the training labels."""
        return self._label_sets(np.asarray(raw) > 0)

    def _label_sets(self, has_label: np.ndarray) -> np.ndarray:
        if self.layout == "matrix":
            return has_label.astype(self._matrix_dtype)
        rows = np.empty(len(has_label), dtype=object)
        for index, row in enumerate(has_label):
            rows[index] = [self.classes.labels[label_index] for label_index in np.flatnonzero(row)]
        return rows

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs (B, K) -> probability of each label (B, K) float64; they do not sum to 1."""
        return sigmoid(np.asarray(raw))

    def layout_state(self) -> dict[str, Any]:
        """The layout of the training labels: a matrix or lists."""
        return {"form": self.layout, "matrix_dtype": self._matrix_dtype}

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

    def restore_layout(self, state: State) -> None:
        """The inverse of `layout_state`."""
        self.layout, self._matrix_dtype = state["form"], state["matrix_dtype"]


def _is_matrix(values: Any) -> bool:
    if getattr(values, "ndim", None) == 2 or hasattr(values, "columns"):
        return True
    if not isinstance(values, list | tuple) or any(isinstance(row, set | frozenset) for row in values):
        return False
    rows = [row for row in _label_rows(values) if row is not None]
    has_equal_lengths = len({len(row) for row in rows}) == 1 and len(rows[0]) > 0
    return has_equal_lengths and all(_is_missing(cell) or _is_binary(cell) for row in rows for cell in row)


def _is_binary(cell: Any) -> bool:
    return isinstance(cell, Number | np.generic) and cell in (0, 1)  # other objects may not even be comparable


def _label_rows(values: Any) -> list[list[Any] | None]:
    """Rows of labels, None for an unobserved row."""
    if not hasattr(values, "__iter__") or hasattr(values, "columns"):
        raise DataError(f"Labels must be a list of labels per row, or a 0/1 matrix; got {values!r}.")
    return [_label_row(index, row) for index, row in enumerate(values)]


def _label_row(index: int, row: Any) -> list[Any] | None:
    if isinstance(row, (*ROWS, set, frozenset)):
        return list(row)
    if _is_missing(row):
        return None
    raise DataError(
        f"multi_label=True expects a 0/1 matrix (B, labels), or a list of labels per row (None where unobserved); "
        f"row {row_number(index)} is {row.item() if isinstance(row, np.generic) else row!r}."
    )


def _is_missing(value: Any) -> bool:
    # Pandas's NA cannot be compared, and its type is not available without importing pandas.
    return value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType"


def _flatten(rows: list[list[Any] | None]) -> np.ndarray:
    for index, row in enumerate(rows):
        if row is not None and any(map(_is_missing, row)):
            raise DataError(
                f"Row {row_number(index)} contains a missing label: {row!r}. "
                "Use None for the whole row if its labels are not observed."
            )
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
