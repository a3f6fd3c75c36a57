"""Encodes single columns of tables; fitted to training rows, stored as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from types import NoneType
from typing import Any, Literal, Self

import numpy as np

from medley.core.floats import LARGEST_SCALED, LARGEST_SQUARED, limited
from medley.core.row_reporting import row_number
from medley.core.rules import Choice, Either, Fields, Flag, Items, Mismatch, Real, StateRules, Text, Whole
from medley.core.spec import Column
from medley.errors import DataError
from medley.tabular.cells import Label, days_of, label_of, labels_of, numbers_of
from medley.tabular.times import is_time_feature

MAX_EDGES = 64
MAX_CATEGORIES = 10_000
_ROWS_PER_EDGE = 4
MAX_VALUES, _ROWS_PER_VALUE = 512, 10
_MIN_BIN_WIDTH = 1e-3  # in standard deviations; narrower bins result from rounding
_MANY_CATEGORIES = 100
_MAX_INLIER = 20.0
_LINEAR_RANGE = 5.0
_PLAIN = {str, int, float, bool, NoneType}
_FEW_ROWS = 64
_PERCENTILES = ((25.0, 75.0, 1.349), (5.0, 95.0, 3.290), (1.0, 99.0, 4.653))  # with distances in a normal distribution


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers, which are standardised.

    Up to 5 standard deviations from the mean, the scale is linear, and logarithmic beyond: an outlier of 1e12 among
    percentages remains the largest value without dominating a network, and a heavy tail keeps its order, unlike after
    clipping. For the same reason, mean and standard deviation are those of the values within 20 robust standard
    deviations of the median.

    Args:
        name: the column's name.
        reading: `"number"`, or `"time"` for dates (days since 1970) and durations (days).
        centre: mean of the training values.
        scale: their standard deviation; 0 for a constant column, which is encoded as zeros.
        bins: increasing edges in standardised units: the distinct values if there are few, else quantiles.
        missing: whether cells of training rows are missing.
        known: whether any training row has a number; if not, all cells are encoded as missing.
        values: increasing distinct values in standardised units, if they are whole numbers that recur; else empty.
    """

    name: str
    reading: Literal["number", "time"] = "number"
    centre: float = 0.0
    scale: float = 0.0
    bins: tuple[float, ...] = ()
    missing: bool = False
    known: bool = True
    values: tuple[float, ...] = ()

    @classmethod
    def learn(cls, name: str, cells: np.ndarray, reading: Literal["number", "time"]) -> Self:
        """Learns from cells (B,) of training rows."""
        values = _values(name, cells, reading)
        numbers = values[~np.isnan(values)]
        has_missing = len(numbers) < len(values)
        if not len(numbers):
            return cls(name, reading, missing=has_missing, known=False)
        if numbers.min() == numbers.max():
            return cls(name, reading, centre=float(numbers[0]), missing=has_missing)
        low, high = _inlier_range(numbers)
        inliers = numbers[(numbers >= low) & (numbers <= high)]
        centre, scale = float(inliers.mean()), float(inliers.std())
        z = _standardise(numbers, centre, scale)
        recurring = _recurring(numbers, z) if reading == "number" else ()
        return cls(name, reading, centre, scale, _edges(z), has_missing, values=recurring)

    @cached_property
    def column(self) -> Column:
        """The spec of the column."""
        is_time = self.reading == "time" or is_time_feature(self.name)
        return Column(self.name, "numeric", bins=self.bins, missing=self.missing, values=self.values, is_time=is_time)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest number of the training rows, rounded to a part of their deviation."""
        low, high = (self.bins[0], self.bins[-1]) if self.bins else (0.0, 0.0)
        return self._number(low), self._number(high)

    def _number(self, z: float) -> float:
        """The inverse of standardising."""
        linear = z if abs(z) <= _LINEAR_RANGE else np.sign(z) * (_LINEAR_RANGE + np.expm1(abs(z) - _LINEAR_RANGE))
        digits = 5 - int(np.floor(np.log10(self.scale))) if self.scale else 6
        return round(float(self.centre + linear * self.scale), digits) + 0.0  # -0.0 is 0.0

    def encode(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells (B,) -> float32 (B,) with NaN for missing, and which cells are missing (B,).

        Raises:
            DataError: a cell is neither a number nor missing.
        """
        if not self.known:  # without training cells, any cell is allowed
            missing = np.array([label is None for label in labels_of(cells)], bool)
            return np.full(len(cells), np.nan, np.float32), missing
        values = _values(self.name, cells, self.reading)
        return _standardise(values, self.centre, self.scale), np.isnan(values)

    def takes(self, cells: np.ndarray) -> bool:
        """Whether cells are floats, which are only standardised."""
        return self.known and self.reading == "number" and cells.dtype == np.float64

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {"kind": "numeric", **asdict(self), "bins": list(self.bins), "values": list(self.values)}


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of categories, encoded as codes 1..K, the most frequent first; 0 is missing or unseen.

    At most 10,000 categories have a code. In columns with more than 100, categories of a single training row have the
    code 0: only the target of that row could be learned from them, and the network learns to predict for unseen
    categories instead.

    Args:
        name: the column's name.
        categories: the values in the order of their codes, in their original type.
        missing: whether cells of training rows are missing.
    """

    name: str
    categories: tuple[Label, ...] = ()
    missing: bool = False
    codes: dict[Label | None, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = {label: code for code, label in enumerate(self.categories, 1)}
        object.__setattr__(self, "codes", {None: -1, **codes})

    @classmethod
    def learn(cls, name: str, cells: np.ndarray) -> Self:
        """Learns from cells (B,) of training rows."""
        labels = labels_of(cells)
        counts = Counter(label for label in labels if label is not None)
        if len(counts) > _MANY_CATEGORIES:
            counts = Counter({label: count for label, count in counts.items() if count > 1})
        # Ties are broken by the value, so that the result does not depend on the order of the rows.
        order = sorted(counts, key=lambda label: (-counts[label], type(label).__name__, str(label)))
        return cls(name, tuple(order[:MAX_CATEGORIES]), None in labels)

    @cached_property
    def column(self) -> Column:
        """The spec of the column."""
        return Column(self.name, "categorical", len(self.categories) + 1, missing=self.missing)

    def encode(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells (B,) -> codes, float32 (B,), and which cells are missing (B,)."""
        # Missing cells are -1 at first, to distinguish them from unseen categories; both are encoded as 0.
        codes = np.array(self.codes_of(cells), dtype=np.float32)
        missing = codes < 0
        codes[missing] = 0
        return codes, missing

    def codes_of(self, cells: np.ndarray) -> list[int]:
        """Cells (B,) -> codes (B,), 0 for unseen categories and -1 for missing cells."""
        plain = cells.tolist()
        if not set(map(type, plain)) <= _PLAIN:
            return [self.codes.get(label, 0) for label in labels_of(cells)]
        codes: list[Any] = list(map(self.codes.get, plain))
        if None not in codes:
            return codes
        pairs = zip(plain, codes, strict=True)
        return [self.codes.get(label_of(cell), 0) if code is None else code for cell, code in pairs]

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "kind": "categorical",
            "name": self.name,
            "categories": list(self.categories),
            "missing": self.missing,
        }


def encode_columns(
    columns: Sequence[NumericColumn | CategoricalColumn], cells_by_column: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes all columns of a table; those of few rows together, as each call of NumPy has a fixed cost.

    Args:
        columns: C columns.
        cells_by_column: the cells (B,) of each.

    Returns:
        Float32 (B, C), NaN for missing numbers and 0 for missing categories; and which cells are missing (B, C).

    Raises:
        DataError: a cell of a column of numbers is neither a number nor missing.
    """
    shape = (len(cells_by_column[0]), len(columns))
    array, missing = np.empty(shape, np.float32), np.empty(shape, bool)
    numbers: dict[int, NumericColumn] = {}
    categories: dict[int, CategoricalColumn] = {}
    for place, (column, cells) in enumerate(zip(columns, cells_by_column, strict=True)):
        if shape[0] <= _FEW_ROWS and isinstance(column, CategoricalColumn):
            categories[place] = column
        elif shape[0] <= _FEW_ROWS and isinstance(column, NumericColumn) and column.takes(cells):
            numbers[place] = column
        else:
            array[:, place], missing[:, place] = column.encode(cells)
    if numbers:
        places = list(numbers)
        values = _finite(np.array([cells_by_column[place] for place in places]).T)
        centres, scales = np.array([(column.centre, column.scale) for column in numbers.values()]).T
        array[:, places], missing[:, places] = _standardise(values, centres, scales), np.isnan(values)
    if categories:
        places = list(categories)
        codes = [column.codes_of(cells_by_column[place]) for place, column in categories.items()]
        coded = np.array(codes, np.float32).T
        array[:, places], missing[:, places] = np.maximum(coded, 0), coded < 0
    return array, missing


def _numeric(kind: str, bins: list[float], values: list[float], **fields: Any) -> NumericColumn:
    for numbers in (bins, values):
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            raise Mismatch("must have rising bins and values.")
    return NumericColumn(**fields, bins=tuple(bins), values=tuple(values))


def _categorical(kind: str, categories: list[Label], **fields: Any) -> CategoricalColumn:
    return CategoricalColumn(**fields, categories=tuple(categories))


_Z = Real(-1e12, 1e12)
COLUMN_RULE = Either(
    Fields(
        {
            "kind": Choice("numeric"),
            "name": Text(),
            "reading": Choice("number", "time"),
            "centre": Real(-1e100, 1e100),
            "scale": Real(0.0, 1e100),
            "bins": Items(_Z, high=4 * MAX_EDGES),
            "missing": Flag(),
            "known": Flag(),
            "values": Items(_Z, high=MAX_VALUES),
        },
        make=_numeric,
    ),
    Fields(
        {
            "kind": Choice("categorical"),
            "name": Text(),
            "categories": Items(Either(Text(), Flag(), Whole(-(10**300), 10**300), Real()), high=MAX_CATEGORIES),
            "missing": Flag(),
        },
        make=_categorical,
    ),
)
"""The saved state of a column, as `state` returns it; reads a column."""


def column_from(state: Mapping[str, Any]) -> NumericColumn | CategoricalColumn:
    """The inverse of a column's `state`.

    Raises:
        ArtifactError: it is the state of no column.

    >>> column_from(CategoricalColumn("sex", ("f", "m")).state()).column.cardinality
    3
    """
    return StateRules(column=COLUMN_RULE).read({"column": state})["column"]


def _values(name: str, cells: np.ndarray, reading: str) -> np.ndarray:
    values, invalid = (numbers_of if reading == "number" else days_of)(cells)
    if invalid is not None:
        noun = "numbers" if reading == "number" else "dates"
        raise DataError(
            f"Column {name!r} holds {noun}, but row {row_number(invalid)} holds {cells[invalid]!r}. Use None for "
            f'missing values, or declare the column as categorical: column_types={{{name!r}: "categorical"}}.'
        )
    return limited(values, LARGEST_SQUARED)


def _finite(values: np.ndarray) -> np.ndarray:
    """What `_values` returns for floats."""
    return limited(np.where(np.isfinite(values), values, np.nan), LARGEST_SQUARED)


def _inlier_range(values: np.ndarray) -> tuple[float, float]:
    median = np.median(values)
    for low, high, normal in _PERCENTILES:  # wider percentiles if most values are equal
        below, above = np.percentile(values, [low, high], method="nearest")
        if above > below:
            distance = _MAX_INLIER * (above - below) / normal
            return median - distance, median + distance
    return -np.inf, np.inf


def _standardise(values: np.ndarray, centre: Any, scale: Any) -> np.ndarray:
    """Values -> float32 of the same shape; centre and scale are of that shape, too, or numbers."""
    is_constant = scale == 0
    with np.errstate(over="ignore"):
        z = limited((values - centre) / np.where(is_constant, 1.0, scale), LARGEST_SCALED)
    if np.any(is_constant):
        z = np.where(is_constant & ~np.isnan(values), 0.0, z)
    tail = np.abs(z) - _LINEAR_RANGE
    if not (tail > 0).any():
        return z.astype(np.float32)
    logarithmic = np.sign(z) * (_LINEAR_RANGE + np.log1p(np.maximum(tail, 0.0)))
    return np.where(tail > 0, logarithmic, z).astype(np.float32)


def _recurring(numbers: np.ndarray, z: np.ndarray) -> tuple[float, ...]:
    """The distinct standardised values of whole numbers that recur in several rows on average; else empty."""
    values = np.unique(z)
    is_whole = bool((numbers == np.round(numbers)).all())
    if not is_whole or not 2 < len(values) <= min(MAX_VALUES, len(z) / _ROWS_PER_VALUE):
        return ()
    return tuple(values.tolist())


def _edges(z: np.ndarray) -> tuple[float, ...]:
    count = max(min(MAX_EDGES, len(z) // _ROWS_PER_EDGE), 2)
    edges, counts = np.unique(z, return_counts=True)
    if len(edges) > count:
        edges = _quantile_edges(z, edges[counts > len(z) / count], count)
    distant = [float(edges[0])]
    for edge in edges[1:].tolist():
        if edge - distant[-1] >= _MIN_BIN_WIDTH:
            distant.append(edge)
    return tuple(distant) if len(distant) > 2 else ()


def _quantile_edges(z: np.ndarray, frequent: np.ndarray, count: int) -> np.ndarray:
    # In a column that is mostly zeros, most quantiles would be 0. So each frequent value is one edge, and the other
    # edges are quantiles of the other values.
    infrequent = z[~np.isin(z, frequent)]
    remaining = max(count - len(frequent), 2)
    return np.unique(
        np.concatenate([frequent, np.quantile(infrequent, np.linspace(0, 1, remaining), method="nearest")])
    )
