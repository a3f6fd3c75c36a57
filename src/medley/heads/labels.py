"""Labels of any type as codes, and back in the type they came in. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from numbers import Integral, Real
from typing import Any, Self

import numpy as np

from medley.core.numbering import row_number
from medley.errors import DataError, did_you_mean

ROWS = (list, tuple, np.ndarray)


@dataclass(frozen=True)
class Given:
    """A caller's labels as an array.

    Args:
        array: (B,) or (B, n); dtype object where the labels came in a list or hold missing values.
        listed: whether they came in a Python list, so that strings go back as a string array.
        columns: names of the columns, where they came with any.
    """

    array: np.ndarray
    listed: bool = False
    columns: tuple[str, ...] = ()


def given(values: Any) -> Given:
    """Reads labels from a list, an array, a tensor, a series or a frame.

    Raises:
        DataError: rows of differing lengths, or no rows at all but a single value.

    >>> given(["a", None]).array
    array(['a', None], dtype=object)
    >>> given([[1, 0], None]).array.shape
    (2, 2)
    """
    if hasattr(values, "columns") and hasattr(values, "iloc"):
        return _framed(values)
    if isinstance(values, list | tuple):
        return Given(_listed(values), listed=True)
    array = np.asarray(_plain_series(values))
    if array.ndim == 0:
        raise DataError(f"Labels must be one per row: a list, an array or a series; got {type(values).__name__}.")
    return Given(array)


def _framed(frame: Any) -> Given:
    if len(frame.columns) == 1:
        return Given(np.asarray(_plain_series(frame.iloc[:, 0]))[:, None])
    return Given(np.asarray(frame), columns=tuple(map(str, frame.columns)))


def _plain_series(values: Any) -> Any:
    # Pandas turns whole numbers with a gap among them into floats unless they are taken as objects.
    dtype = getattr(values, "dtype", None)
    if dtype is not None and not isinstance(dtype, np.dtype) and hasattr(values, "astype"):
        return values.astype(object)
    return values.detach().cpu() if hasattr(values, "detach") else values


def _listed(values: Sequence[Any]) -> np.ndarray:
    rows = [row for row in values if isinstance(row, ROWS)]
    if not rows:
        # NumPy would make the word 'nan' of a missing value among strings, and '1' of a 1.
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    gap = [None] * len(rows[0])
    try:
        return np.asarray([row if isinstance(row, ROWS) else gap for row in values])
    except ValueError:
        sizes = sorted({len(row) for row in rows})
        raise DataError(
            f"Rows of labels must be of one length, got lengths {', '.join(map(str, sizes))}. "
            "For lists of several labels per row, use ClassificationHead(multi_label=True)."
        ) from None


@dataclass(frozen=True)
class Alphabet:
    """The classes in the order of their codes, and the type they go back in.

    Args:
        labels: plain Python values, sorted.
        dtype: name of the NumPy type of predictions: `"int64"`, `"bool"`, `"str"`, `"bytes"`, `"object"`, ...

    >>> known = Alphabet.learn(given(["b", "a", None, "b"]))
    >>> known.labels, known.array[[0, 1]]
    (('a', 'b'), array(['a', 'b'], dtype='<U1'))
    >>> known.codes(np.array(["b", None], dtype=object))
    array([ 1, -1])
    """

    labels: tuple[Any, ...]
    dtype: str
    _index: dict[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {label: code for code, label in enumerate(self.labels)})

    @classmethod
    def learn(cls, labels: Given) -> Self:
        """The distinct labels that occur in an array (B,).

        Raises:
            DataError: a label is not a whole number, string, boolean, float or bytes.
        """
        found = distinct(labels.array)[1]
        plain = [_plain(label) for label in found]
        try:
            ordered = sorted(plain)
        except TypeError:
            ordered = sorted(plain, key=lambda label: (type(label).__name__, label))
        return cls(tuple(ordered), _dtype(labels, found, plain))

    @classmethod
    def numbered(cls, count: int, dtype: str) -> Self:
        """The whole numbers 0 .. count-1 as labels."""
        return cls(tuple(np.arange(count).astype(dtype).tolist()), dtype)

    def arranged(self, order: Sequence[Any]) -> Self:
        """The labels in an order of the caller's, which may hold more.

        Raises:
            DataError: the order lacks a label that occurs.

        >>> Alphabet(("high", "low"), "str").arranged(["low", "mid", "high"]).labels
        ('low', 'mid', 'high')
        """
        wanted = tuple(map(_plain, order))
        lost = [label for label in self.labels if label not in wanted]
        if lost:
            raise DataError(
                f"The order {list(wanted)!r} lacks {', '.join(map(repr, lost[:10]))}, which occurs among the training "
                f"labels.{did_you_mean(lost[0], wanted)}"
            )
        return type(self)(wanted, self.dtype)

    @property
    def array(self) -> np.ndarray:
        """The labels (classes,) in the type they go back in."""
        if self.dtype == "object":
            array = np.empty(len(self.labels), dtype=object)
            array[:] = self.labels
            return array
        return np.asarray(self.labels, dtype={"str": str, "bytes": bytes}.get(self.dtype, self.dtype))

    def codes(self, array: np.ndarray) -> np.ndarray:
        """Labels (B,) -> codes (B,) int64, -1 where the label is missing.

        Raises:
            DataError: a label that was not there in training.
        """
        places, found = distinct(array)
        table = np.array([self._index.get(_plain(label), -2) for label in found] + [-1])
        codes = table[places]
        if (codes == -2).any():
            self._unseen(array, int(np.flatnonzero(codes == -2)[0]))
        return codes

    def _unseen(self, array: np.ndarray, row: int) -> None:
        label = _plain(array[row])
        known = ", ".join(map(repr, islice(self.labels, 10))) + (", ..." if len(self.labels) > 10 else "")
        hint = did_you_mean(label, self.labels) if isinstance(label, str) and len(self.labels) > 10 else ""
        raise DataError(
            f"The label {label!r} in row {row_number(row)} was not among the training labels: {known}.{hint} "
            "Leave it missing (None) where the class is unknown, or train with rows of it."
        )

    def state(self) -> dict[str, Any]:
        """As JSON values."""
        labels = [one.decode("latin-1") if isinstance(one, bytes) else one for one in self.labels]
        return {"labels": labels, "dtype": self.dtype}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Self:
        """The inverse of `state`."""
        dtype = state["dtype"]
        labels = state["labels"]
        return cls(tuple(one.encode("latin-1") for one in labels) if dtype == "bytes" else tuple(labels), dtype)


def unlabelled(rows: int) -> DataError:
    """What a codec says of training rows without a single label.

    >>> unlabelled(3)
    DataError('All labels are missing: none of the 3 training rows has one, so there is nothing to learn.')
    """
    return DataError(f"All labels are missing: none of the {rows} training rows has one, so there is nothing to learn.")


def distinct(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (B,) -> place of each among the distinct ones (B,), -1 where missing; and the distinct ones.

    Raises:
        DataError: the labels are of a type that cannot be compared.
    """
    import pandas

    try:
        places, found = pandas.factorize(array)
    except TypeError as error:
        raise DataError(
            f"Labels must be single values, got a {type(array[0]).__name__} in row {row_number(0)} ({error}). "
            "For several labels per row, use ClassificationHead(multi_label=True)."
        ) from None
    return places, np.asarray(found)


def _plain(label: Any) -> Any:
    # The item of a date in nanoseconds is a bare whole number, so dates stay as they are and are told below.
    if isinstance(label, np.generic) and label.dtype.kind not in "Mm":
        label = label.item()
    if not isinstance(label, bool | int | float | str | bytes):
        raise DataError(
            f"Labels are whole numbers, strings, booleans or floats, got {label!r} ({type(label).__name__}). "
            "Turn them into strings first."
        )
    if isinstance(label, float) and not np.isfinite(label):
        raise DataError(f"A label must not be infinite, got {label!r}.")
    return label


def _dtype(labels: Given, found: np.ndarray, plain: list[Any]) -> str:
    kind = labels.array.dtype.kind
    if kind in "biuf":
        return labels.array.dtype.name
    if kind in "US":
        return "str" if kind == "U" else "bytes"
    bools = [isinstance(label, bool) for label in plain]
    if all(bools):
        return "bool"
    if not any(bools) and all(isinstance(label, Integral | Real) for label in plain):
        return np.asarray(found.tolist()).dtype.name
    if labels.listed and all(isinstance(label, str) for label in plain):
        return "str"
    if labels.listed and all(isinstance(label, bytes) for label in plain):
        return "bytes"
    if any(isinstance(label, bytes) for label in plain):
        raise DataError("Labels in bytes come in a list or in a bytes array, and not mixed with others; decode them.")
    return "object"
