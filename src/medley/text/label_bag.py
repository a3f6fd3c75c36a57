"""Sets of labels as an input: tags, genres, amenities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, Self, cast

import numpy as np

from medley.core.block import Block
from medley.core.codec import Codec, Encoded, State
from medley.core.input import Input
from medley.core.linear import LinearFeatures
from medley.core.numbering import row_number
from medley.core.space import Space
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.text.bag import NgramBag
from medley.text.codes import check_counts

PADDING = 0
MAX_LABELS = 20_000
MOST_PER_ROW = 256


class LabelBagCodec(Codec):
    """Sets of labels -> their codes (B, G): 0 is padding, 1 the most frequent label of the training rows, and so on.

    A label that training did not know counts for nothing. So does one of a single row where there are many labels: of
    it nothing could be learnt but that row's target.

    Args:
        max_labels: labels that are told apart, at most.

    >>> codec = LabelBagCodec().fit([["C++", "C"], ["C"], None, []])
    >>> codec.encode([["C", "Fortran"], ["C++", "C"], [], None]).array.tolist()
    [[1, 0], [1, 2], [0, 0], [0, 0]]
    """

    def __init__(self, max_labels: int = MAX_LABELS) -> None:
        self.max_labels = max_labels
        self.labels: list[str] = []
        self._places = 0

    @property
    def spec(self) -> Spec:
        """`(G,)` codes in rising order, with the number of labels and the padding."""
        if not self._places:
            raise NotFittedError("This codec knows no labels yet: fit() it on training rows, or restore() one.")
        return Spec((self._places,), "T", "int64", cardinality=len(self.labels) + 1)

    def fit(self, values: Any) -> Self:
        """Learns the labels, and how many a row has at most.

        Raises:
            DataError: a row is no list of labels.
        """
        rows = [row for row in read_rows(values) if row is not None]
        counts = Counter(label for row in rows for label in row)
        least = 2 if len(counts) > len(rows) / 2 and len(counts) > MOST_PER_ROW else 1
        # Ties are broken by the label, so that the order of the rows decides nothing.
        order = sorted((label for label in counts if counts[label] >= least), key=lambda one: (-counts[one], one))
        self.labels = order[: self.max_labels]
        self._places = min(max(map(len, rows), default=1) or 1, MOST_PER_ROW)
        return self

    def encode(self, values: Any) -> Encoded:
        """Rows -> codes (B, G) and presence; an empty list is there. Of too many labels, the rarest are left out.

        Raises:
            DataError: a row is no list of labels.
        """
        rows = read_rows(values)
        codes = {label: code for code, label in enumerate(self.labels, 1)}
        array = np.zeros((len(rows), *self.spec.shape), np.int32)
        for place, row in enumerate(rows):
            found = sorted({codes[label] for label in row or () if label in codes})[: self._places]
            array[place, : len(found)] = found
        return Encoded(array, np.array([row is not None for row in rows], bool))

    def state(self) -> dict[str, Any]:
        """The labels in the order of their codes, and the number of places."""
        return {"labels": self.labels, "places": self.spec.shape[0]}

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        self.labels, self._places = list(state["labels"]), int(state["places"])
        return self


def read_rows(values: Any) -> list[set[str] | None]:
    """Sets of labels as words, None where a row has none.

    >>> [sorted(row) for row in read_rows([[3, 1.0], ("a", "a"), {"b"}])]
    [['1', '3'], ['a'], ['b']]
    """
    return [_row(place, row) for place, row in enumerate(values)]


def _row(place: int, row: Any) -> set[str] | None:
    if row is None or (isinstance(row, float) and np.isnan(row)) or type(row).__name__ == "NAType":
        return None
    if isinstance(row, list | tuple | set | frozenset | np.ndarray):
        return {_word(one) for one in row if one is not None}
    raise DataError(f"Each row is a list of labels, or None, but row {row_number(place)} is {row!r}.")


def _word(label: Any) -> str:
    # Of a list with a gap, whole numbers come as fractions.
    whole = isinstance(label, float | np.floating) and label % 1 == 0
    return str(int(label) if whole else label)


class LabelSetInput(Input, register="text.label_set_input"):
    """A set of labels per row: a list, tuple, set or array of words or numbers, None where a row has none.

    Labels are compared as a whole ("New York" is one, and another than "York"); their order says nothing. An empty
    list is a set without labels, which is not the same as a missing one.

    Args:
        max_labels: labels that are told apart, at most; the rarest count for nothing.

    Shape: rows -> (B, G) codes, 0 is padding.

    Raises:
        DataError: a row is no list.

    >>> str(LabelSetInput().codec().fit([["red", "blue"], ["red"], None]).spec)
    '(T=2 int64)'
    """

    max_labels: int | Space = MAX_LABELS

    kinds: ClassVar[tuple[str, ...]] = ("set",)
    claim_rank: ClassVar[float | None] = 50.0
    shares_encoder: ClassVar[bool] = False
    is_worth_alone: ClassVar[bool] = True

    def check(self) -> Iterable[str]:
        """The number of labels is a whole number from 1."""
        yield from check_counts(self, ("max_labels",))

    def codec(self) -> LabelBagCodec:
        """Codes of labels."""
        return LabelBagCodec(cast(int, self.max_labels))

    def default_block(self) -> Block:
        """An embedding per label, summed."""
        return NgramBag()

    def encode_for_ensemble(self) -> None:
        """Nothing: labels are read by the linear path."""

    def linear_features(self) -> LinearFeatures:
        """TF-IDF of the labels."""
        from medley.text.features import LabelSetFeatures

        return LabelSetFeatures()

    def adapter(self) -> Block:
        """The same, for blocks that read numbers."""
        return NgramBag()
