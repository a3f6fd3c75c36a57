"""One column as the judges of its kind look at it: distinct values, counts, some of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.tables.formats.numbers import NO_VALUE

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from medley.tables.reading.read import Table

_MOST_WORDS = 2000
_ABSENT = ("NoneType", "NAType", "NaTType")  # pandas' own by their names: it is imported where it is needed
_CONTAINERS = (list, tuple, set, frozenset, Mapping, np.ndarray, bytes, bytearray, memoryview)
_CONTAINER_MARKS = ("detach", "getbands", "__array__")  # of tensors, of Pillow's images, of other libraries' arrays


@dataclass(frozen=True)
class KindGuess:
    """What a column is taken for, and why.

    Args:
        kind: the name of the kind.
        reason: a phrase that goes on after "because".
        confidence: 0 to 1.
        form: how the cells are written; each kind has words of its own (`core.column.ColumnGuess` lists them).
        unparsed: fraction of all rows whose cell is there but cannot be parsed as this kind.
        labels: number of distinct labels where a cell holds several.
    """

    kind: str
    reason: str
    confidence: float
    form: str = ""
    unparsed: float = 0.0
    labels: int = 0


class ColumnProfile:
    """A column of B rows, taken apart no further than its judges ask.

    Args:
        name: its name.
        series: its cells.
        root: the folder that relative paths count from.
        rows: how many cells may be looked at one by one.
    """

    def __init__(self, name: str, series: pd.Series, root: Path, rows: int = 10_000) -> None:
        self.name = name
        self.series = _of_objects(series)
        self.root = root
        self.rows = rows
        self.kind_guess: KindGuess | None = None  # what inference says, once it was asked
        self.parsed: dict[tuple[str, str], tuple[Any, np.ndarray]] = {}  # by kind and form, for all who ask

    @cached_property
    def types(self) -> frozenset[type]:
        """The types of the cells that are there, in a column of Python's objects; else none."""
        if self.series.dtype != object:
            return frozenset()
        return frozenset(one for one in set(map(type, self.series.array)) if one.__name__ not in _ABSENT)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every cell is a single value that can be told from others: no list, array, dict or image."""
        return all(map(_is_plain, self.types))

    @cached_property
    def present(self) -> np.ndarray:
        """Which rows have a value (B,): blank strings are none."""
        if self.is_plain:
            return self.codes >= 0
        return np.array([not is_absent(cell) for cell in self.series.array], bool)

    @property
    def known(self) -> int:
        """The number of rows with a value."""
        return int(self.present.sum())

    @cached_property
    def cells(self) -> list[Any]:
        """Some of the cells that are there, from all over the column."""
        places = np.flatnonzero(self.present)
        return self.series.iloc[places[:: _step(len(places), self.rows)]].tolist()

    def sample(self, size: int) -> list[Any]:
        """At most about `size` of the cells that are there, from all over the column."""
        return self.cells[:: _step(len(self.cells), size)]

    @property
    def codes(self) -> np.ndarray:
        """Which distinct value each row holds (B,), -1 where it is missing or blank."""
        return self._factored[0]

    @property
    def values(self) -> np.ndarray:
        """The distinct values (D,), in the order of their first rows."""
        return self._factored[1]

    @cached_property
    def counts(self) -> np.ndarray:
        """In how many rows each distinct value stands (D,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    @cached_property
    def examined(self) -> np.ndarray:
        """Places of some distinct values, from all over the column."""
        return np.arange(0, len(self.values), _step(len(self.values), _MOST_WORDS))

    @cached_property
    def strings(self) -> list[str]:
        """Those distinct values as strings."""
        return [str(value).strip() for value in self.values[self.examined].tolist()]

    @cached_property
    def all_strings(self) -> list[str]:
        """All distinct values as strings (D)."""
        return [str(value).strip() for value in self.values.tolist()]

    @cached_property
    def says_no_value(self) -> np.ndarray:
        """Which distinct values are words for no value (D,): "n/a", "?"."""
        return np.array([word.lower() in NO_VALUE for word in self.all_strings], bool)

    def fraction(self, parsed: np.ndarray) -> float:
        """Of the rows that say something, the share whose distinct value is marked in (D,)."""
        return float(self.counts[parsed].sum() / max(self.counts[~self.says_no_value].sum(), 1))

    def unparsed(self, parsed: np.ndarray) -> float:
        """Of all rows, the share with a value that is not marked in (D,)."""
        return float(self.counts[~parsed].sum() / len(self.series))

    @cached_property
    def _factored(self) -> tuple[np.ndarray, np.ndarray]:
        import pandas as pd

        codes, found = pd.factorize(self.series)
        values = np.asarray(found) if found.dtype.kind in "biufmM" else np.asarray(found, dtype=object)
        if values.dtype.kind == "O":
            void = np.array([isinstance(value, str) and (not value or value.isspace()) for value in values], bool)
        else:
            void = np.isinf(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        if void.any():
            places = np.append(np.where(void, -1, np.cumsum(~void) - 1), -1)
            codes, values = places[codes], values[~void]
        return codes, values


def profile_of(table: Table, name: str, rows: int = 10_000) -> ColumnProfile:
    """The profile of a table's column, made once for all who ask.

    Args:
        table: has the column.
        name: the column.
        rows: how many cells may be examined one by one.
    """
    key = ("profile", name, rows)
    if key not in table.memo:
        table.memo[key] = ColumnProfile(name, table.frame[name], table.root, rows)  # type: ignore[arg-type]
    return table.memo[key]


def _of_objects(series: pd.Series) -> pd.Series:
    # Lists, bytes and decimals of Arrow's own types are looked at as Python's.
    foreign = type(series.dtype).__name__ == "ArrowDtype" and getattr(series.dtype, "kind", "O") not in "biufmMU"
    return series.astype(object) if foreign else series


def _is_plain(kind: type) -> bool:
    if issubclass(kind, np.generic):
        return True
    marked = any(hasattr(kind, mark) for mark in _CONTAINER_MARKS)
    return not marked and not issubclass(kind, _CONTAINERS) and kind.__hash__ is not None


def is_absent(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, NA."""
    return type(cell).__name__ in _ABSENT or (isinstance(cell, float) and cell != cell)


def label_form(values: np.ndarray) -> str:
    """The type of labels (D,): `"bool"`, `"int"` (also whole numbers that gaps made floats), `"float"` or `"str"`.

    >>> label_form(np.array([1.0, 2.0])), label_form(np.array([True, "a"], dtype=object))
    ('int', 'str')
    """
    types = set(map(type, values.tolist()))
    if types == {float}:
        return "int" if all(value % 1 == 0 for value in values.tolist()) else "float"
    return next((name for kind, name in ((bool, "bool"), (int, "int")) if types == {kind}), "str")


def _step(count: int, most: int) -> int:
    return max(-(-count // most), 1)
