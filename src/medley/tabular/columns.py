"""One column as an encoder sees it: learnt on training rows, kept as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np

from medley.core.row_reporting import row_number
from medley.core.rules import Choice, Either, Fields, Flag, Items, Mismatch, Real, StateRules, Text, Whole
from medley.core.spec import Column
from medley.errors import DataError
from medley.tabular.cells import Label, days_of, labels_of, numbers_of
from medley.tabular.times import is_time_feature

MOST_EDGES = 64
MOST_CATEGORIES = 10_000
_ROWS_PER_EDGE = 4
MAX_VALUES, _ROWS_PER_VALUE = 512, 10
_NARROWEST_BIN = 1e-3  # in standard deviations: narrower ones hold rounding, not knowledge
_NAMES_FROM = 100
_FAR = 20.0
_NEAR = 5.0
_SPREADS = ((25.0, 75.0, 1.349), (5.0, 95.0, 3.290), (1.0, 99.0, 4.653))  # widths of a standard normal


@dataclass(frozen=True)
class NumericColumn:
    """Numbers, standardised.

    Values up to 5 standard deviations from the mean are exactly standardised. Beyond, the logarithm takes
    over: one 1e12 among percentages stays the largest value but no longer drowns a network, and a heavy tail
    keeps its order, which clipping would destroy. For the same reason mean and deviation are learnt on values
    that lie within 20 robust standard deviations of the median (all of them, in columns without such
    outliers).

    Args:
        name: the column's name.
        reading: `"number"`, or `"time"` for dates (days since 1970) and durations (days).
        centre: mean of the training values.
        scale: their standard deviation; 0 for a constant column, which is encoded as zeros.
        bins: increasing edges in standardised units: the distinct values where there are few, else quantiles.
        missing: whether training rows lack this cell.
        known: whether any training row has it; where none has, it is encoded as missing ever after.
        values: rising distinct values in standardised units, where they are whole numbers that recur; else empty.
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
        found = values[~np.isnan(values)]
        lacks = len(found) < len(values)
        if not len(found):
            return cls(name, reading, missing=lacks, known=False)
        if found.min() == found.max():
            return cls(name, reading, centre=float(found[0]), missing=lacks)
        low, high = _fences(found)
        inner = found[(found >= low) & (found <= high)]
        centre, scale = float(inner.mean()), float(inner.std())
        z = _standardise(found, centre, scale)
        bins = _edges(z)
        values = _recurring(found, z) if reading == "number" else ()
        return cls(name, reading, centre, scale, bins, lacks, values=values)

    @property
    def column(self) -> Column:
        """What encoders need to know."""
        is_time = self.reading == "time" or is_time_feature(self.name)
        return Column(self.name, "numeric", bins=self.bins, missing=self.missing, values=self.values, is_time=is_time)

    def encode(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells (B,) -> float32 (B,) with NaN for missing, and which cells are missing (B,).

        Raises:
            DataError: a cell is neither a number nor missing.
        """
        if not self.known:  # no training row said what the column holds: words are as good as numbers
            missing = np.array([label is None for label in labels_of(cells)], bool)
            return np.full(len(cells), np.nan, np.float32), missing
        values = _values(self.name, cells, self.reading)
        missing = np.isnan(values)
        return _standardise(values, self.centre, self.scale), missing

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {"kind": "numeric", **asdict(self), "bins": list(self.bins), "values": list(self.values)}


@dataclass(frozen=True)
class CategoricalColumn:
    """Categories as codes 1..K, the most frequent first; 0 is missing or unseen.

    At most 10,000 categories get a code. Where a column has more than 100, those of a single training row get
    none: nothing could be learnt of them but that row's target, and sharing the code 0 teaches what to make
    of a stranger.

    Args:
        name: the column's name.
        categories: the values in the order of their codes, in the type they came in.
        missing: whether training rows lack this cell.
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
        if len(counts) > _NAMES_FROM:
            counts = Counter({label: count for label, count in counts.items() if count > 1})
        # Ties are broken by the value, so that the order of the rows decides nothing.
        order = sorted(counts, key=lambda label: (-counts[label], type(label).__name__, str(label)))
        return cls(name, tuple(order[:MOST_CATEGORIES]), None in labels)

    @property
    def column(self) -> Column:
        """What encoders need to know."""
        return Column(self.name, "categorical", len(self.categories) + 1, missing=self.missing)

    def encode(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells (B,) -> codes, float32 (B,), and which cells are missing (B,)."""
        labels = labels_of(cells)
        # -1 tells the missing from the unseen, which are both encoded as 0.
        codes = np.array([self.codes.get(label, 0) for label in labels], dtype=np.float32)
        missing = codes < 0
        codes[missing] = 0
        return codes, missing

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "kind": "categorical",
            "name": self.name,
            "categories": list(self.categories),
            "missing": self.missing,
        }


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
            "bins": Items(_Z, high=4 * MOST_EDGES),
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
            "categories": Items(Either(Text(), Flag(), Whole(-(10**300), 10**300), Real()), high=MOST_CATEGORIES),
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
    values, wrong = (numbers_of if reading == "number" else days_of)(cells)
    if wrong is not None:
        what = "numbers" if reading == "number" else "dates"
        raise DataError(
            f"Column {name!r} holds {what}, but row {row_number(wrong)} holds {cells[wrong]!r}. Write None where a "
            f'value is missing, or declare the column as one of categories: column_types={{{name!r}: "categorical"}}.'
        )
    return np.clip(values, -1e100, 1e100)  # beyond, squares are no longer finite


def _fences(values: np.ndarray) -> tuple[float, float]:
    median = np.median(values)
    for low, high, normal in _SPREADS:  # a wider one where most values are the same
        below, above = np.percentile(values, [low, high], method="nearest")
        if above > below:
            reach = _FAR * (above - below) / normal
            return median - reach, median + reach
    return -np.inf, np.inf


def _standardise(values: np.ndarray, centre: float, scale: float) -> np.ndarray:
    if scale == 0:
        return np.where(np.isnan(values), np.nan, 0.0).astype(np.float32)
    with np.errstate(over="ignore"):
        z = np.clip((values - centre) / scale, -1e12, 1e12)
    tail = np.abs(z) - _NEAR
    far = np.sign(z) * (_NEAR + np.log1p(np.maximum(tail, 0.0)))
    return np.where(tail > 0, far, z).astype(np.float32)


def _recurring(numbers: np.ndarray, z: np.ndarray) -> tuple[float, ...]:
    """The distinct values, standardised, of whole numbers of which each stands in several rows on average."""
    values = np.unique(z)
    is_whole = bool((numbers == np.round(numbers)).all())
    if not is_whole or not 2 < len(values) <= min(MAX_VALUES, len(z) / _ROWS_PER_VALUE):
        return ()
    return tuple(values.tolist())


def _edges(z: np.ndarray) -> tuple[float, ...]:
    most = max(min(MOST_EDGES, len(z) // _ROWS_PER_EDGE), 2)
    edges, counts = np.unique(z, return_counts=True)
    if len(edges) > most:
        edges = _spread(z, edges[counts > len(z) / most], most)
    kept = [float(edges[0])]
    for edge in edges[1:].tolist():
        if edge - kept[-1] >= _NARROWEST_BIN:
            kept.append(edge)
    return tuple(kept) if len(kept) > 2 else ()


def _spread(z: np.ndarray, often: np.ndarray, most: int) -> np.ndarray:
    # Of a column that is mostly zeros, quantiles would all be 0: what is frequent gets one edge each, and the
    # quantiles of what is left get the others.
    rest = z[~np.isin(z, often)]
    left = max(most - len(often), 2)
    return np.unique(np.concatenate([often, np.quantile(rest, np.linspace(0, 1, left), method="nearest")]))
