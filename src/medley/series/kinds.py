"""Kinds of columns with lists of numbers: vectors of one length, and series of any length."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from medley.core.column import ColumnGuess
from medley.core.floats import as_float32
from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind, cannot_parse, parse_column
from medley.tables.columns.objects import array_of, is_list_like
from medley.tables.columns.parsing import parse_cells
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.strings import fraction
from medley.tables.formats.lists import is_written_list, read_numbers

_MIN_FRACTION = 0.95
_MIN_SIZE_WITHOUT_BRACKETS = 8
_SAMPLE = 200
MIN_STEPS = 8
"""Least number of columns of a series in wide form: fewer numbered columns are often separate features."""

MIN_CORRELATION = 0.5
"""Least median correlation of neighbouring columns of a series in wide form."""

_CORRELATED_ROWS = 2_000
_NUMBERED = re.compile(r"(.*?\D|)(\d+)")


class VectorKind(ColumnKind, register="series.vector_kind"):
    """Lists of numbers, all of one length: embeddings, histograms. The form is that length."""

    name = "vector"
    rank = 60.0
    forms = r"([1-9]\d{0,6})?"
    compared_as = "numbers"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        return self._recognize_strings(profile) if profile.is_plain else self._recognize_lists(profile)

    def _recognize_strings(self, profile: ColumnProfile) -> KindGuess | None:
        vectors = [read_numbers(string) for string in profile.strings]
        sizes = {len(vector) for vector in vectors if vector is not None}
        min_size = 2 if any(map(is_written_list, profile.strings)) else _MIN_SIZE_WITHOUT_BRACKETS
        if (
            len(sizes) != 1
            or min(sizes) < min_size
            or fraction(vector is not None for vector in vectors) < _MIN_FRACTION
        ):
            return None
        size = min(sizes)
        return KindGuess(self.name, f"its strings are lists of {size} numbers", 0.95, str(size))

    def _recognize_lists(self, profile: ColumnProfile) -> KindGuess | None:
        arrays = number_arrays(profile)
        if arrays is None or len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
            return None
        size = arrays[0].size
        return KindGuess(self.name, f"its cells are lists of {size} numbers", 0.97, str(size)) if size else None

    def override(self, profile: ColumnProfile) -> KindGuess:
        rows = map(_vector, profile.values[profile.examined] if profile.is_plain else profile.cells)
        sizes = {np.size(row) for row in rows if row is not None}
        if len(sizes) != 1 or 0 in sizes:
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0, str(min(sizes)))

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """float32 (B, D); missing rows are all NaN."""
        rows, _ = parse_cells(profile, _vector)
        size = int(form) if form else next((len(row) for row in rows if row is not None), 1)
        values = np.full((len(rows), size), np.nan, np.float32)
        for i, row in enumerate(rows):
            if row is not None and np.shape(row) == (size,):
                values[i] = as_float32(row)
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
        if len({array.shape[1:] for array in arrays if array.size}) != 1 or max(array.ndim for array in arrays) > 2:
            return None
        if {array.ndim for array in arrays} == {1}:
            return KindGuess(self.name, "its cells are lists of numbers of differing lengths", 0.7)
        return KindGuess(self.name, "its cells are series of numbers", 0.7)

    def claim_families(
        self, guesses: Sequence[ColumnGuess], profiles: Mapping[str, ColumnProfile]
    ) -> dict[str, KindGuess]:
        """Columns of numbers whose names end in consecutive numbers: `temp_h00` ... `temp_h23`, `x_1` ... `x_24`.

        Names alone are not enough (features are often numbered, too): neighbouring columns must correlate.
        """
        steps: dict[str, list[tuple[int, str]]] = {}
        for guess in guesses:
            match = _NUMBERED.fullmatch(guess.name)
            if match and guess.kind == "number" and not guess.form:
                steps.setdefault(match[1], []).append((int(match[2]), guess.name))
        claimed = {}
        for name, members in steps.items():
            numbers = [number for number, _ in members]
            if len(members) < MIN_STEPS or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
                continue
            columns = [profiles[column] for _, column in members]
            if neighbour_correlation(columns) < MIN_CORRELATION:
                continue
            ends = f"{members[0][1]} ... {members[-1][1]}"
            reason = f"its {len(members)} columns {ends} are the steps of a series: neighbours correlate"
            for number, column in members:
                claimed[column] = KindGuess(self.name, reason, 0.8, f"{name}#{number}")
        return claimed

    forms = r"(?s)(.*#\d{1,9})?"

    def override(self, profile: ColumnProfile) -> KindGuess:
        if profile.is_plain and profile.values.dtype.kind != "O":
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[Any, np.ndarray]:
        """A list of B arrays (T,) or (T, C), None where missing; for one step in wide form, float64 (B,)."""
        if "#" in form:
            return parse_column(profile, "number", "")
        return parse_cells(profile, _sequence)

    def describe(self, form: str, distinct: int) -> str:
        return "a step of a series" if "#" in form else "a series of numbers"


def neighbour_correlation(profiles: Sequence[ColumnProfile]) -> float:
    """The median correlation of neighbouring columns, over at most 2,000 rows that have both."""
    rows = slice(None, None, max(len(profiles[0].series) // _CORRELATED_ROWS, 1))
    columns = [parse_column(profile, "number", "")[0][rows] for profile in profiles]
    correlations = []
    for first, second in pairwise(columns):
        both = np.isfinite(first) & np.isfinite(second)
        if both.sum() >= MIN_STEPS and first[both].std() and second[both].std():
            correlations.append(float(np.corrcoef(first[both], second[both])[0, 1]))
    return float(np.median(correlations)) if correlations else 0.0


def family_of(form: str) -> tuple[str, int]:
    """The family and the step of a column in wide form.

    >>> family_of("temp_h#3")
    ('temp_h', 3)
    """
    name, _, number = form.rpartition("#")
    return name, int(number)


def number_arrays(profile: ColumnProfile) -> list[np.ndarray] | None:
    """A sample of the cells of a column as arrays of numbers; None if any is not a list of numbers."""
    cells = profile.sample(_SAMPLE)
    if not all(map(is_list_like, cells)):
        return None
    arrays = [array_of(cell) for cell in cells]
    return None if any(array is None for array in arrays) else [array for array in arrays if array is not None]


def _vector(cell: Any) -> Any:
    """A list of numbers as an array; a single number is a vector of length 1."""
    is_number = isinstance(cell, int | float | np.number) and not isinstance(cell, bool)
    return np.array([cell], np.float64) if is_number else _numbers(cell)


def _sequence(cell: Any) -> Any:
    """A list of numbers, or of equally many numbers for each step; None for anything else."""
    array = _numbers(cell)
    return array if array is not None and np.ndim(array) in (1, 2) else None


def _numbers(cell: Any) -> Any:
    return read_numbers(cell) if isinstance(cell, str) else array_of(cell)
