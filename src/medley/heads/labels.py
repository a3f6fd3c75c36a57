"""Converts labels of any type to class indices and back. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np

from medley.core import rules
from medley.core.row_reporting import row_number
from medley.core.rules import Choice, Either, Flag, Items, StateRules, Text, Whole, require
from medley.errors import DataError, did_you_mean, listing

ROWS = (list, tuple, np.ndarray)

NUMBER_TYPES = tuple(dict.fromkeys(np.dtype(code).name for code in "?bhilqBHILQefdg"))
"""Names of the types of numbers that labels are returned in."""

_WHOLE, _REAL = Whole(-(2**63), 2**64 - 1), rules.Real()
_KINDS = {"b": Flag(), "i": _WHOLE, "u": _WHOLE, "f": _REAL}
_ANY_LABEL = Either(Text(), Flag(), _WHOLE, _REAL)
_LABELS = {"str": Text(), "bytes": Text(), "object": _ANY_LABEL, **{t: _KINDS[np.dtype(t).kind] for t in NUMBER_TYPES}}


@dataclass(frozen=True)
class LabelArray:
    """Labels of any type as an array.

    Args:
        array: (B,) or (B, n); of dtype object if the labels were in a list or contain missing values.
        is_list: whether they were in a Python list, so that strings are returned as a string array.
        columns: names of the columns, if there are any.
    """

    array: np.ndarray
    is_list: bool = False
    columns: tuple[str, ...] = ()


def read_labels(values: Any) -> LabelArray:
    """Reads labels from a list, an array, a tensor, a series or a frame.

    Raises:
        DataError: rows have different lengths, or `values` is a single value.

    >>> read_labels(["a", None]).array
    array(['a', None], dtype=object)
    >>> read_labels([[1, 0], None]).array.shape
    (2, 2)
    """
    if hasattr(values, "columns") and hasattr(values, "iloc"):
        return _framed(values)
    if isinstance(values, list | tuple):
        return LabelArray(_listed(values), is_list=True)
    array = np.asarray(_without_extension_type(values))
    if array.ndim == 0:
        raise DataError(f"Labels must be one per row: a list, an array or a series; got {type(values).__name__}.")
    return LabelArray(array)


def _framed(frame: Any) -> LabelArray:
    if len(frame.columns) == 1:
        return LabelArray(np.asarray(_without_extension_type(frame.iloc[:, 0]))[:, None])
    return LabelArray(np.asarray(frame), columns=tuple(map(str, frame.columns)))


def _without_extension_type(values: Any) -> Any:
    # Pandas converts integers with missing values to floats, unless they are read as objects.
    dtype = getattr(values, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(values, "astype"):
        return values.astype(object)
    return values.detach().cpu() if hasattr(values, "detach") else values


def _listed(values: Sequence[Any]) -> np.ndarray:
    rows = [row for row in values if isinstance(row, ROWS)]
    if not rows:
        # NumPy would convert a missing value among strings to 'nan', and 1 to '1'.
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    missing = [None] * len(rows[0])
    try:
        return np.asarray([row if isinstance(row, ROWS) else missing for row in values])
    except ValueError:
        sizes = sorted({len(row) for row in rows})
        raise DataError(
            f"Rows of labels must have equal lengths, got lengths {', '.join(map(str, sizes))}. "
            "For lists of several labels per row, use ClassificationHead(multi_label=True)."
        ) from None


@dataclass(frozen=True)
class ClassLabels:
    """The classes in the order of their indices, and the type of predictions.

    Args:
        labels: plain Python values, sorted.
        dtype: name of the NumPy type of predictions: `"int64"`, `"bool"`, `"str"`, `"bytes"`, `"object"`, ...

    >>> classes = ClassLabels.learn(read_labels(["b", "a", None, "b"]))
    >>> classes.labels, classes.array[[0, 1]]
    (('a', 'b'), array(['a', 'b'], dtype='<U1'))
    >>> classes.indices(np.array(["b", None], dtype=object))
    array([ 1, -1])
    """

    labels: tuple[Any, ...]
    dtype: str
    _index: dict[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {label: index for index, label in enumerate(self.labels)})

    @classmethod
    def learn(cls, labels: LabelArray) -> Self:
        """Learns the distinct labels of an array (B,).

        Raises:
            DataError: a label is not a whole number, string, boolean, float or bytes.
        """
        uniques = distinct(labels.array)[1]
        plain = [_plain(label) for label in uniques]
        return cls(_sorted(plain), _dtype(labels, uniques, plain))

    @classmethod
    def integers(cls, count: int, dtype: str) -> Self:
        """The integers 0 .. count-1 as labels."""
        return cls(tuple(np.arange(count).astype(dtype).tolist()), dtype)

    def joined(self, other: ClassLabels) -> ClassLabels:
        """The labels of both, sorted; itself where the other one has no additional label.

        Raises:
            DataError: no label of the other one is known, and they are of another type: nothing they name can be meant.

        >>> ClassLabels(("a", "c"), "str").joined(ClassLabels(("b", "c"), "object"))
        ClassLabels(labels=('a', 'b', 'c'), dtype='str')
        """
        added = [label for label in other.labels if label not in self._index]
        if not added:
            return self
        if len(added) == len(other.labels) and not set(map(_family, added)) & set(map(_family, self.labels)):
            raise DataError(
                f"The label {added[0]!r} is {_family(added[0])}, but the training labels are "
                f"{_family(self.labels[0])}: {listing(map(repr, self.labels))}. Convert them to one type."
            )
        if np.dtype({"str": str, "bytes": bytes}.get(self.dtype, self.dtype)).kind in "iu" and all(
            isinstance(label, float) and label.is_integer() for label in added
        ):  # whole numbers that are floats only because others are missing
            return ClassLabels(_sorted([*self.labels, *map(int, added)]), self.dtype)
        labels = _sorted([*self.labels, *added])
        return ClassLabels(labels, _joint_dtype(labels, self.dtype, other.dtype))

    def positions(self, wider: ClassLabels) -> np.ndarray:
        """The index of each label (K,) among those of a wider classes."""
        return np.array([wider._index[label] for label in self.labels], np.int64)

    def narrowed(self, indices: np.ndarray, wider: ClassLabels) -> np.ndarray:
        """Class indices (B,) of a wider classes as those of this one, -1 for labels that it has not."""
        table = np.full(len(wider.labels), -1)
        table[self.positions(wider)] = np.arange(len(self.labels))
        return table[indices]

    def in_order(self, order: Sequence[Any]) -> Self:
        """The labels in another order, which may contain additional labels.

        Raises:
            DataError: the order does not contain a label that occurs.

        >>> ClassLabels(("high", "low"), "str").in_order(["low", "mid", "high"]).labels
        ('low', 'mid', 'high')
        """
        ordered = tuple(map(_plain, order))
        missing = [label for label in self.labels if label not in ordered]
        if missing:
            raise DataError(
                f"The order {list(ordered)!r} does not contain {listing(map(repr, missing))}, which occurs "
                f"among the training labels.{did_you_mean(missing[0], ordered)}"
            )
        return type(self)(ordered, self.dtype)

    @property
    def array(self) -> np.ndarray:
        """The labels (classes,) in the type of predictions."""
        if self.dtype == "object":
            array = np.empty(len(self.labels), dtype=object)
            array[:] = self.labels
            return array
        return np.asarray(self.labels, dtype={"str": str, "bytes": bytes}.get(self.dtype, self.dtype))

    def indices(self, array: np.ndarray) -> np.ndarray:
        """Labels (B,) -> class indices (B,) int64, -1 where the label is missing.

        Raises:
            DataError: a label does not occur in the training rows.
        """
        positions, uniques = distinct(array)
        table = np.array([self._index.get(_plain(label), -2) for label in uniques] + [-1])
        indices = table[positions]
        if (indices == -2).any():
            self._raise_unseen(array, int(np.flatnonzero(indices == -2)[0]))
        return indices

    def _raise_unseen(self, array: np.ndarray, row: int) -> None:
        label = _plain(array[row])
        labels = listing(map(repr, self.labels))
        hint = did_you_mean(label, self.labels) if isinstance(label, str) and len(self.labels) > 10 else ""
        raise DataError(
            f"The label {label!r} in row {row_number(row)} was not among the training labels: {labels}.{hint} "
            'Use None if the class is unknown, or train with rows of this class (fit_more: new_classes="add").'
        )

    RULES: ClassVar[StateRules] = StateRules(
        labels=Items(_ANY_LABEL, is_unique=True), dtype=Choice("str", "bytes", "object", *NUMBER_TYPES)
    )

    def state(self) -> dict[str, Any]:
        """The state as JSON values."""
        labels = [label.decode("latin-1") if isinstance(label, bytes) else label for label in self.labels]
        return {"labels": labels, "dtype": self.dtype}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        values = cls.RULES.read(state)
        labels, dtype = values["labels"], values["dtype"]
        labels = StateRules(labels=Items(_LABELS[dtype])).read({"labels": labels})["labels"]
        require(len(set(labels)) == len(labels), "labels must differ.")
        if dtype == "bytes":
            require(all(label.isascii() or max(label) <= "\xff" for label in labels), "labels must be bytes.")
            labels = [label.encode("latin-1") for label in labels]
        elif dtype in NUMBER_TYPES:
            require(all(_is_exact(label, dtype) for label in labels), f"labels must be numbers of the type {dtype}.")
        return cls(tuple(labels), dtype)


def _is_exact(number: Any, dtype: str) -> bool:
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        return np.iinfo(kind).min <= number <= np.iinfo(kind).max
    with np.errstate(over="ignore"):
        return kind.kind == "b" or bool(kind.type(number) == number)


def no_labels_error(rows: int) -> DataError:
    """The error for training rows without any label.

    >>> no_labels_error(3)
    DataError('All labels are missing: none of the 3 training rows has one, so there is nothing to learn.')
    """
    return DataError(f"All labels are missing: none of the {rows} training rows has one, so there is nothing to learn.")


def distinct(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (B,) -> the position of each among the distinct labels (B,), -1 where missing; and the distinct labels.

    Raises:
        DataError: the labels are of a type that cannot be compared.
    """
    import pandas

    try:
        positions, uniques = pandas.factorize(array)
    except TypeError as error:
        raise DataError(
            f"Labels must be single values, got a {type(array[0]).__name__} in row {row_number(0)} ({error}). "
            "For several labels per row, use ClassificationHead(multi_label=True)."
        ) from None
    return positions, np.asarray(uniques)


def _plain(label: Any) -> Any:
    # The item of a date in nanoseconds is an integer, so dates are not converted and raise the error below.
    if isinstance(label, np.generic) and label.dtype.kind not in "Mm":
        label = label.item()
    if not isinstance(label, bool | int | float | str | bytes):
        raise DataError(
            f"Labels must be whole numbers, strings, booleans or floats, got {label!r} ({type(label).__name__}). "
            "Convert them to strings first."
        )
    if isinstance(label, float) and not np.isfinite(label):
        raise DataError(f"A label must not be infinite, got {label!r}.")
    return label


def _sorted(labels: list[Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(labels))
    except TypeError:
        return tuple(sorted(labels, key=lambda label: (type(label).__name__, label)))


def _family(label: Any) -> str:
    return "text" if isinstance(label, str) else "bytes" if isinstance(label, bytes) else "a number"


def _joint_dtype(labels: Sequence[Any], first: str, second: str) -> str:
    """The type of predictions of labels that were of two types."""
    if first == second or (first in ("str", "object") and all(isinstance(label, str) for label in labels)):
        return first
    if {first, second} & {"str", "bytes", "object"} or "b" in {np.dtype(name).kind for name in (first, second)}:
        return "object"
    return np.result_type(first, second).name


def _dtype(labels: LabelArray, uniques: np.ndarray, plain: list[Any]) -> str:
    kind = labels.array.dtype.kind
    if kind in "biuf":
        return labels.array.dtype.name
    if kind in "US":
        return "str" if kind == "U" else "bytes"
    bools = [isinstance(label, bool) for label in plain]
    if all(bools):
        return "bool"
    if not any(bools) and all(isinstance(label, Integral | Real) for label in plain):
        return np.asarray(uniques.tolist()).dtype.name
    if labels.is_list and all(isinstance(label, str) for label in plain):
        return "str"
    if labels.is_list and all(isinstance(label, bytes) for label in plain):
        return "bytes"
    if any(isinstance(label, bytes) for label in plain):
        raise DataError("Bytes labels must be in a list or a bytes array, and not mixed with other types; decode them.")
    return "object"
