"""Column profiles: the distinct values, counts and examples of a column, from which its kind is inferred."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.tables.reading.sanitize import UnreadableCell

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from medley.tables.columns.relation import TargetRelation
    from medley.tables.reading.read import Table

_SAMPLE_VALUES = 2000
_FEW_ROWS = 64
_SIMPLE = {str, int, float, bool, type(None)}
_NUMBERS = (int, float, Decimal, np.number)
_ABSENT = ("NoneType", "NAType", "NaTType", "MaskedConstant")  # by name, because pandas is imported late
_CONTAINERS = (list, tuple, set, frozenset, Mapping, np.ndarray, bytes, bytearray, memoryview, UnreadableCell)
_CONTAINER_MARKS = ("detach", "getbands", "__array__")  # of tensors, Pillow images, and arrays of other libraries


@dataclass(frozen=True)
class KindGuess:
    """The guessed kind of a column, and why.

    Args:
        kind: the name of the kind.
        reason: a phrase that continues "because".
        confidence: 0 to 1.
        form: how the cells are written; the values depend on the kind (`core.column.ColumnGuess` lists them).
        unparsed: fraction of all rows whose cell is not missing but cannot be parsed as this kind.
        labels: number of distinct labels, if cells hold several.
    """

    kind: str
    reason: str
    confidence: float
    form: str = ""
    unparsed: float = 0.0
    labels: int = 0


class ColumnProfile:
    """Distinct values, counts and examples of a column of B rows, each computed when first needed.

    Args:
        name: its name.
        series: its cells.
        root: the folder that relative paths start from.
        rows: the most cells that are examined one by one.
        missing_values: what counts as missing in addition to empty cells, in lower case: strings, and numbers as
            strings.
    """

    def __init__(
        self,
        name: str,
        series: pd.Series,
        root: Path,
        rows: int = 10_000,
        missing_values: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.series = _as_python_objects(series)
        self.root = root
        self.rows = rows
        self.missing_values = missing_values
        self.relation: TargetRelation | None = None
        self.kind_guess: KindGuess | None = None  # cached by `infer.infer_kind`
        self.parsed: dict[tuple[str, str], tuple[Any, np.ndarray]] = {}  # cached by kind and form
        self._without: dict[frozenset[str], ColumnProfile] = {}

    def without(self, missing_values: Collection[str]) -> ColumnProfile:
        """The profile of the same column where these values count as missing; it is cached.

        Args:
            missing_values: strings, of any case, and numbers as strings.
        """
        markers = as_markers(frozenset(missing_values))
        if markers == self.missing_values:
            return self
        if markers not in self._without:
            profile = ColumnProfile(self.name, self.series, self.root, self.rows, markers)
            if self.is_plain:
                profile.__dict__["_distinct"] = self._distinct  # the cells are the same
            self._without[markers] = profile
        return self._without[markers]

    def related(self, relation: TargetRelation | None) -> ColumnProfile:
        """The same profile, from which a kind is inferred by the relation of the column to the targets as well."""
        profile = copy(self)
        profile.relation, profile.kind_guess = relation, None
        return profile

    @cached_property
    def types(self) -> frozenset[type]:
        """The types of the cells that are not missing, if the column holds Python objects; else empty.

        Cells that nothing can read count only if there are no others.
        """
        if self.series.dtype != object:
            return frozenset()
        types = {cell_type for cell_type in set(map(type, self.series.array)) if cell_type.__name__ not in _ABSENT}
        return frozenset(types - {UnreadableCell} or types)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every cell is a single hashable value: not a list, array, dict or image."""
        return all(map(_is_plain_type, self.types))

    @cached_property
    def single_valued(self) -> ColumnProfile:
        """The profile of the column in which cells that are not single values cannot be read."""
        import pandas as pd

        if self.is_plain:
            return self
        cells = np.empty(len(self.series), object)
        cells[:] = list(map(_single_value, self.series.array))
        series = pd.Series(cells, self.series.index, name=self.series.name)
        profile = ColumnProfile(self.name, series, self.root, self.rows, self.missing_values)
        profile.relation = self.relation
        return profile

    @cached_property
    def is_mostly_plain(self) -> bool:
        """Whether most cells are single values."""
        cells = self.series.array[self.present]
        return sum(_is_plain_type(type(cell)) for cell in cells) > len(cells) / 2

    @cached_property
    def present(self) -> np.ndarray:
        """Mask of the rows with a value (B,); blank strings count as missing."""
        if self.is_plain:
            return (self.codes >= 0) | self._unreadable
        return np.array([not is_absent(cell) for cell in self.series.array], bool)

    @property
    def n_present(self) -> int:
        """The number of rows with a value."""
        return int(self.present.sum())

    @cached_property
    def cells(self) -> list[Any]:
        """Some of the cells that are not missing, evenly spaced over the column."""
        positions = np.flatnonzero(self.present)
        cells = self.series.iloc[positions[:: _step(len(positions), self.rows)]].tolist()
        return [cell for cell in cells if not isinstance(cell, UnreadableCell)] or cells

    def sample(self, size: int) -> list[Any]:
        """About `size` cells that are not missing, evenly spaced over the column."""
        return self.cells[:: _step(len(self.cells), size)]

    @property
    def codes(self) -> np.ndarray:
        """Index into `values` for each row (B,), -1 where the cell is missing, blank or cannot be read."""
        return self._factorized[0]

    @property
    def values(self) -> np.ndarray:
        """The distinct values (D,), in order of first appearance."""
        return self._factorized[1]

    @cached_property
    def counts(self) -> np.ndarray:
        """The number of rows with each distinct value (D,)."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    @cached_property
    def examined(self) -> np.ndarray:
        """Positions of a sample of the distinct values, evenly spaced."""
        return np.arange(0, len(self.values), _step(len(self.values), _SAMPLE_VALUES))

    @cached_property
    def strings(self) -> list[str]:
        """The sampled distinct values as strings."""
        return [str(value).strip() for value in self.values[self.examined].tolist()]

    @cached_property
    def all_strings(self) -> list[str]:
        """All distinct values as strings (D)."""
        return [str(value).strip() for value in self.values.tolist()]

    def fraction(self, parsed: np.ndarray) -> float:
        """The fraction of rows with a value whose distinct value was parsed, as marked in `parsed` (D,)."""
        return float(self.counts[parsed].sum() / max(self.counts.sum(), 1))

    def unparsed(self, parsed: np.ndarray) -> float:
        """The fraction of all rows with a value that was not parsed, as marked in `parsed` (D,)."""
        return float(self.counts[~parsed].sum() / len(self.series))

    @property
    def markers(self) -> Mapping[str, int]:
        """The strings that occur and count as missing although they are not blank, and their numbers of rows."""
        return self._factorized[2] if self.is_plain else {}

    @cached_property
    def infinite(self) -> np.ndarray:
        """Mask of the rows whose cell is an infinite number (B,): it counts as missing, but is reported."""
        if self.series.dtype.kind != "f":
            return np.zeros(len(self.series), bool)
        return np.isinf(self.series.to_numpy(dtype=np.float64, na_value=np.nan))

    @cached_property
    def _unreadable(self) -> np.ndarray:
        """Mask of the rows whose cell nothing can read (B,)."""
        if self.series.dtype != object:
            return np.zeros(len(self.series), bool)
        return np.array([isinstance(cell, UnreadableCell) for cell in self.series.array], bool)

    @cached_property
    def _distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Index of each row (B,) into the distinct values (D,), -1 where the cell is missing or cannot be read."""
        import pandas as pd

        if len(self.series) <= _FEW_ROWS and (few := _few_distinct(self.series)) is not None:
            return few
        codes, uniques = pd.factorize(self.series.mask(self._unreadable) if self._unreadable.any() else self.series)
        return codes, np.asarray(uniques) if uniques.dtype.kind in "biufmM" else np.asarray(uniques, dtype=object)

    @cached_property
    def _factorized(self) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
        codes, values = self._distinct
        is_blank = _are_blank(values)
        is_marker = _are_markers(values, self.missing_values) & ~is_blank
        markers = {str(values[place]).strip(): int((codes == place).sum()) for place in np.flatnonzero(is_marker)}
        is_missing = is_blank | is_marker
        if is_missing.any():
            new_codes = np.append(np.where(is_missing, -1, np.cumsum(~is_missing) - 1), -1)
            codes, values = new_codes[codes], values[~is_missing]
        return codes, values, markers


def _few_distinct(series: pd.Series) -> tuple[np.ndarray, np.ndarray] | None:
    """What `pd.factorize` returns for plain cells, without its fixed cost, which is most of what one row takes."""
    dtype: Any = series.dtype
    is_number = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    if not is_number and dtype != "O" and dtype != "str":
        return None
    cells, places, codes = series.tolist(), dict[Any, int](), []
    if not is_number and not set(map(type, cells)) <= _SIMPLE:
        return None
    for cell in cells:
        codes.append(-1 if cell is None or cell != cell else places.setdefault(cell, len(places)))
    if is_number:
        return np.array(codes, np.int64), np.array(list(places), dtype)
    distinct = np.empty(len(places), object)
    distinct[:] = list(places)
    return np.array(codes, np.int64), distinct


def _are_blank(values: np.ndarray) -> np.ndarray:
    """Which distinct values (D,) are blank strings or infinite."""
    if values.dtype.kind == "O":
        return np.array([isinstance(value, str) and (not value or value.isspace()) for value in values], bool)
    return np.isinf(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)


def _are_markers(values: np.ndarray, missing_values: frozenset[str]) -> np.ndarray:
    """Which distinct values (D,) are among those that count as missing."""
    if not missing_values or values.dtype.kind not in "Oiuf":
        return np.zeros(len(values), bool)
    numbers = numbers_among(missing_values)
    if values.dtype.kind != "O":
        return np.isin(values, list(numbers)) if numbers else np.zeros(len(values), bool)
    return np.array(
        [
            value.strip().lower() in missing_values
            if isinstance(value, str)
            else isinstance(value, int | float) and value in numbers
            for value in values
        ],
        bool,
    )


# Every table asks for the same few sets of words.
@lru_cache(1024)
def as_markers(missing_values: frozenset[str]) -> frozenset[str]:
    """Missing values as cells are compared with them: in lower case, without spaces around them."""
    return frozenset(value.strip().lower() for value in missing_values)


@lru_cache(1024)
def numbers_among(missing_values: frozenset[str]) -> frozenset[float]:
    """The numbers among missing values: -99, say."""
    numbers = (_as_number(value) for value in missing_values)
    return frozenset(number for number in numbers if number is not None and np.isfinite(number))


def _as_number(string: str) -> float | None:
    try:
        return float(string)
    except ValueError:
        return None


def profile_of(table: Table, name: str, rows: int = 10_000) -> ColumnProfile:
    """The profile of a table's column; it is cached in the table.

    Args:
        table: has the column.
        name: the column.
        rows: the most cells that are examined one by one.
    """
    key = ("profile", name, rows)
    if key not in table.cache:
        table.cache[key] = ColumnProfile(name, table.frame[name], table.root, rows)  # type: ignore[arg-type]
    return table.cache[key]


def _as_python_objects(series: pd.Series) -> pd.Series:
    # Lists, bytes and decimals of Arrow types are examined as Python objects.
    is_arrow_object = (
        type(series.dtype).__name__ == "ArrowDtype" and getattr(series.dtype, "kind", "O") not in "biufmMU"
    )
    return series.astype(object) if is_arrow_object else series


def _is_plain_type(cell_type: type) -> bool:
    if issubclass(cell_type, np.generic):
        return True
    has_mark = any(hasattr(cell_type, mark) for mark in _CONTAINER_MARKS)
    return not has_mark and not issubclass(cell_type, _CONTAINERS) and cell_type.__hash__ is not None


def _single_value(cell: Any) -> Any:
    """The cell itself if it is a single value or missing, else its replacement."""
    if is_absent(cell) or _is_plain_type(type(cell)) or isinstance(cell, UnreadableCell):
        return cell
    return UnreadableCell(type(cell).__name__, "it is not a single value")


def is_absent(cell: Any) -> bool:
    """Whether a cell is missing: None, NaN, NaT, NA."""
    return type(cell).__name__ in _ABSENT or (isinstance(cell, float) and cell != cell)


def label_form(values: np.ndarray) -> str:
    """The type of labels (D,): `"bool"`, `"int"` (also floats that are all whole), `"float"` or `"str"`.

    >>> label_form(np.array([1.0, 2.0])), label_form(np.array([True, "a"], dtype=object)), label_form(np.array([]))
    ('int', 'str', 'str')
    """
    types = set(map(type, values.tolist()))
    if types and types <= {bool, np.bool_}:
        return "bool"
    if not are_numbers(types):
        return "str"
    return "int" if all(float(value) % 1 == 0 for value in values.tolist()) else "float"  # infinite decimals have no %


def are_numbers(types: Iterable[type]) -> bool:
    """Whether cells of these types, if there are any, are numbers.

    >>> are_numbers([int, np.float32]), are_numbers([int, bool]), are_numbers([])
    (True, False, False)
    """
    types = set(types)
    return bool(types) and bool not in types and all(issubclass(kind, _NUMBERS) for kind in types)


def _step(count: int, most: int) -> int:
    return max(-(-count // most), 1)
