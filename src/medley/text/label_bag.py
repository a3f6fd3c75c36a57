"""Inputs with a set of labels per row, such as tags or genres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, Self, cast

import numpy as np

from medley.core.arguments import whole_number_problems
from medley.core.block import Block, DataSummary
from medley.core.codec import Codec, Encoded, State
from medley.core.input import InputBlock
from medley.core.linear import FeatureBlock, LinearFeatures
from medley.core.registry import register
from medley.core.row_reporting import row_number
from medley.core.rules import Choice, Items, Maybe, StateRules, Text, Whole
from medley.core.space import Space
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.text.bag import NgramBag
from medley.text.features import MAX_ENTITIES, TextFeatures, terms_by_kind
from medley.text.words import hash_text

PADDING = 0
MAX_LABELS = 20_000
MAX_LABELS_PER_ROW = 256


class LabelBagCodec(Codec):
    """Sets of labels -> ids (B, G): 0 is padding, 1 the most frequent label of the training rows, and so on.

    Labels that do not occur in training are ignored. If there are many labels, those that occur in a single row are
    ignored too, because a network could only memorise that row's target.

    Args:
        max_labels: maximum number of distinct labels.

    >>> codec = LabelBagCodec().fit([["C++", "C"], ["C"], None, []])
    >>> codec.encode([["C", "Fortran"], ["C++", "C"], [], None]).array.tolist()
    [[1, 0], [1, 2], [0, 0], [0, 0]]
    """

    def __init__(self, max_labels: int = MAX_LABELS) -> None:
        self.max_labels = max_labels
        self.labels: list[str] = []
        self._slots = 0

    @property
    def spec(self) -> Spec:
        """`(G,)` ids in increasing order, with the number of labels including padding."""
        if not self._slots:
            raise NotFittedError("This codec is not fitted: call fit() on training rows, or restore().")
        return Spec((self._slots,), "T", "int64", cardinality=len(self.labels) + 1)

    def fit(self, values: Any) -> Self:
        """Learns the labels and the maximum number of labels per row.

        Raises:
            DataError: a row is not a list of labels.
        """
        rows = [row for row in read_rows(values) if row is not None]
        counts = Counter(label for row in rows for label in row)
        min_count = 2 if len(counts) > len(rows) / 2 and len(counts) > MAX_LABELS_PER_ROW else 1
        # Ties are broken by label, so that the result does not depend on the order of rows.
        frequent = (label for label in counts if counts[label] >= min_count)
        self.labels = sorted(frequent, key=lambda label: (-counts[label], label))[: self.max_labels]
        self._slots = min(max(map(len, rows), default=1) or 1, MAX_LABELS_PER_ROW)
        return self

    def encode(self, values: Any) -> Encoded:
        """Rows -> ids (B, G) and presence; an empty list is present. The rarest of too many labels are dropped.

        Raises:
            DataError: a row is not a list of labels.
        """
        rows = read_rows(values)
        id_of = {label: index for index, label in enumerate(self.labels, 1)}
        array = np.zeros((len(rows), *self.spec.shape), np.int32)
        for row, labels in enumerate(rows):
            ids = sorted({id_of[label] for label in labels or () if label in id_of})[: self._slots]
            array[row, : len(ids)] = ids
        return Encoded(array, np.array([labels is not None for labels in rows], bool))

    def state(self) -> dict[str, Any]:
        """The labels in the order of their ids, and the number of slots."""
        return {"labels": self.labels, "places": self.spec.shape[0]}

    RULES = StateRules(labels=Items(Text(), is_unique=True), places=Whole(1, MAX_LABELS_PER_ROW))

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self.labels, self._slots = values["labels"], values["places"]
        return self


def read_rows(values: Any) -> list[set[str] | None]:
    """Converts rows to sets of strings, None where missing.

    >>> [sorted(row) for row in read_rows([[3, 1.0], ("a", "a"), {"b"}])]
    [['1', '3'], ['a'], ['b']]
    """
    return [_read_row(row, value) for row, value in enumerate(values)]


def _read_row(row: int, value: Any) -> set[str] | None:
    if value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType":
        return None
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return {_as_string(label) for label in value if label is not None}
    raise DataError(f"Each row must be a list of labels, or None, but row {row_number(row)} is {value!r}.")


def _as_string(label: Any) -> str:
    # Integers in a list with missing values are read as floats.
    is_integer = isinstance(label, float | np.floating) and label % 1 == 0
    return str(int(label) if is_integer else label)


@register("text.set_features")
class LabelSetFeatures(TextFeatures):
    """Sets of labels: TF-IDF of the labels.

    >>> blocks, present = LabelSetFeatures().fit([["a", "b"], ["a"], None]).encode([["a"], None])
    >>> blocks[0].matrix.shape, present.tolist()
    ((2, 1), [True, False])
    """

    RULES = StateRules(kinds=Items(Choice("labels"), 1), max_characters=Maybe(Whole(1)))

    def fit(self, values: Any) -> Self:
        rows = [sorted(row) for row in read_rows(values) if row is not None]
        hashes = np.array([hash_text(f"label {label}") for labels in rows for label in labels], np.uint64)
        self._terms, self._idf = {}, {}
        distinct, frequency = np.unique(hashes, return_counts=True)
        order = np.lexsort((distinct, -frequency.astype(np.int64)))
        chosen = np.sort(order[: min(MAX_ENTITIES, int((frequency >= 2).sum()))])
        self._terms["labels"] = distinct[chosen]
        self._idf["labels"] = (np.log((1 + len(rows)) / (1 + frequency[chosen])) + 1).astype(np.float32)
        return self

    def encode(self, values: Any) -> tuple[list[FeatureBlock], np.ndarray]:
        rows = read_rows(values)
        texts = ["\x00".join(sorted(row or ())) for row in rows]
        matrix = self._tfidf("labels", terms_by_kind(["labels"], texts)["labels"], len(texts))
        return [FeatureBlock("", matrix, fits_alone=True)], np.array([row is not None for row in rows], bool)


class LabelSetInput(InputBlock, register="text.label_set_input"):
    """A set of labels per row: a list, tuple, set or array of strings or numbers, None where it is missing.

    Labels are compared as a whole ("New York" is one label, and different from "York"); their order has no meaning. An
    empty list is a set without labels, which is not missing.

    Args:
        max_labels: maximum number of distinct labels; the rarest labels are ignored.

    Shape: rows -> (B, G) ids, 0 is padding.

    Raises:
        DataError: a row is not a list.

    >>> str(LabelSetInput().codec().fit([["red", "blue"], ["red"], None]).spec)
    '(T=2 int64)'
    """

    max_labels: int | Space = MAX_LABELS

    kinds: ClassVar[tuple[str, ...]] = ("set",)
    claim_rank: ClassVar[float | None] = 50.0
    fits_alone: ClassVar[bool] = True

    def check(self) -> Iterable[str]:
        """Checks that the number of labels is a positive integer."""
        yield from whole_number_problems(self, "max_labels")

    def codec(self) -> LabelBagCodec:
        """A codec for label ids."""
        return LabelBagCodec(cast(int, self.max_labels))

    def default_block(self) -> Block:
        """The sum of label embeddings."""
        return NgramBag()

    def shares_encoder(self, summary: DataSummary) -> bool:
        return False

    def encode_for_ensemble(self, summary: DataSummary) -> None:
        """Nothing: labels are read by the linear path."""

    def linear_features(self) -> LinearFeatures:
        """TF-IDF of the labels."""
        return LabelSetFeatures()

    def adapter(self) -> Block:
        """The sum of label embeddings, for blocks that read numbers."""
        return NgramBag()
