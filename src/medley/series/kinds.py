"""Kinds of columns of numbers in lists: vectors of one length, and series of any length."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.tables.columns.kind import SAID, ColumnKind, cannot_parse
from medley.tables.columns.objects import array_of, is_list_like
from medley.tables.columns.parsing import parse_cells
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.strings import fraction
from medley.tables.formats.lists import is_written_list, read_numbers

_MOSTLY = 0.95
_LEAST_WITHOUT_BRACKETS = 8
_EXAMINED = 200


class VectorKind(ColumnKind, register="series.vector_kind"):
    """Lists of numbers, all of one length: embeddings, histograms. Its form is that length."""

    name = "vector"
    rank = 60.0
    compared_as = "numbers"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        return self._strings(profile) if profile.is_plain else self._lists(profile)

    def _strings(self, profile: ColumnProfile) -> KindGuess | None:
        vectors = [read_numbers(string) for string in profile.strings]
        sizes = {len(vector) for vector in vectors if vector is not None}
        least = 2 if any(map(is_written_list, profile.strings)) else _LEAST_WITHOUT_BRACKETS
        if len(sizes) != 1 or min(sizes) < least or fraction(vector is not None for vector in vectors) < _MOSTLY:
            return None
        size = min(sizes)
        return KindGuess(self.name, f"its strings are lists of {size} numbers", 0.95, str(size))

    def _lists(self, profile: ColumnProfile) -> KindGuess | None:
        arrays = number_arrays(profile)
        if arrays is None or len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
            return None
        size = arrays[0].size
        return KindGuess(self.name, f"its cells are lists of {size} numbers", 0.97, str(size)) if size else None

    def override(self, profile: ColumnProfile) -> KindGuess:
        if profile.is_plain:
            sizes = {len(row) for string in profile.strings if (row := read_numbers(string)) is not None}
        else:
            sizes = {np.size(cell) for cell in profile.cells}
        if len(sizes) != 1:
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SAID, 1.0, str(min(sizes)))

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """float32 (B, D), rows of NaN where missing."""
        rows, _ = parse_cells(profile, _numbers)
        size = int(form) if form else next((len(row) for row in rows if row is not None), 1)
        values = np.full((len(rows), size), np.nan, np.float32)
        for place, row in enumerate(rows):
            if row is not None and np.shape(row) == (size,):
                values[place] = row
        return values, np.asarray(np.isfinite(values).any(axis=1))

    def describe(self, form: str, distinct: int) -> str:
        return f"a vector of {form or 'several'} numbers"


class SeriesKind(ColumnKind, register="series.series_kind"):
    """Sequences of numbers of any length, one or several channels per step."""

    name = "series"
    rank = 72.0

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        arrays = None if profile.is_plain else number_arrays(profile)
        if arrays is None or not any(array.size for array in arrays):
            return None
        if {array.ndim for array in arrays} == {1}:
            return KindGuess(self.name, "its cells are lists of numbers of differing lengths", 0.7)
        return KindGuess(self.name, "its cells are series of numbers", 0.7)

    def override(self, profile: ColumnProfile) -> KindGuess:
        return KindGuess(self.name, SAID, 1.0)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
        """A list of B arrays (T,) or (T, D), None where missing."""
        return parse_cells(profile, _numbers)

    def describe(self, form: str, distinct: int) -> str:
        return "left out: series in cells are not supported yet"


def number_arrays(profile: ColumnProfile) -> list[np.ndarray] | None:
    """Some cells of a column of lists as arrays of numbers; None where any is something else."""
    cells = profile.sample(_EXAMINED)
    if not all(map(is_list_like, cells)):
        return None
    arrays = [array_of(cell) for cell in cells]
    return None if any(array is None for array in arrays) else [array for array in arrays if array is not None]


def _numbers(cell: Any) -> Any:
    return read_numbers(cell) if isinstance(cell, str) else array_of(cell)
