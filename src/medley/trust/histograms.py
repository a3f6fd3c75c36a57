"""Histograms of what a model was trained on, and the test whether other rows are drawn like them. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from medley.core.codec import State
from medley.core.rules import Array, Flag, StateRules, require

BINS = 10
"""Bins of numbers, with about equally many reference rows each."""

MOST_CODES = 20
"""Categories with a bin of their own; rarer ones share one."""

LEAST_EXPECTED = 5.0
"""Bins where fewer rows are expected are joined: below, the distribution of the statistic is not known well enough."""


@dataclass(frozen=True)
class Histogram:
    """How the values of reference rows are distributed.

    Args:
        is_code: whether values are codes of categories, rather than numbers.
        edges: of numbers, ascending inner edges of bins; of categories, the codes that have a bin of their own.
        counts: rows per bin: missing values first, then bins in order; of categories, all other codes last.

    >>> Histogram.of(np.array([1.0, 2.0, 3.0, np.nan]), is_code=False).counts.sum().item()
    4
    """

    is_code: bool
    edges: np.ndarray
    counts: np.ndarray

    NAMES: ClassVar[tuple[str, ...]] = ("is_code", "edges", "counts")

    @classmethod
    def of(cls, values: np.ndarray, *, is_code: bool) -> Histogram:
        """The histogram of reference rows.

        Args:
            values: (N,) numbers, NaN where missing; or codes, 0 where missing or unknown.
            is_code: whether they are codes.
        """
        values = np.asarray(values, np.float64)
        if is_code:
            codes, sizes = np.unique(values[values != 0], return_counts=True)
            edges = np.sort(codes[np.argsort(-sizes, kind="stable")[:MOST_CODES]])
        else:
            present = values[np.isfinite(values)]
            edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1])) if len(present) else np.zeros(0)
        empty = cls(is_code, edges, np.zeros(len(edges) + 2, np.int64))
        return cls(is_code, edges, empty.count(values))

    def count(self, values: np.ndarray) -> np.ndarray:
        """Rows per bin, of other values (B,)."""
        values = np.asarray(values, np.float64)
        if self.is_code:
            place = np.searchsorted(self.edges, values)
            is_known = np.isin(values, self.edges)
            bins = np.where(values == 0, 0, np.where(is_known, place + 1, len(self.edges) + 1))
        else:
            is_present = np.isfinite(values)
            filled = np.where(is_present, values, 0.0)
            bins = np.where(is_present, np.searchsorted(self.edges, filled, side="left") + 1, 0)
        return np.bincount(bins, minlength=len(self.counts)).astype(np.int64)

    def compare(self, values: np.ndarray) -> tuple[float, float, float]:
        """How far other rows are from being drawn like the reference rows.

        Args:
            values: (B,) as of `of`.

        Returns:
            The p-value of the chi-squared test of homogeneity (Pearson 1900) over the bins; the population stability
            index: the sum over bins of (p - q) log(p / q), where p and q are the fractions of the rows, about 0.1 for
            moderate and 0.25 for large shifts (Siddiqi: Credit Risk Scorecards, 2006), minus what it is on average
            where nothing has changed, so that few rows do not look shifted (Yurdakul: Statistical Properties of
            Population Stability Index, 2018); and the fraction of missing values minus that of the reference rows.
        """
        from scipy.special import chdtrc

        counts = np.stack([self.counts, self.count(values)]).astype(np.float64)
        totals = counts.sum(axis=1, keepdims=True)
        if not totals.all():
            return 1.0, 0.0, 0.0
        missing = float(counts[1, 0] / totals[1, 0] - counts[0, 0] / totals[0, 0])
        fractions = (counts + 0.5) / (totals + 0.5 * counts.shape[1])
        index = float(((fractions[1] - fractions[0]) * np.log(fractions[1] / fractions[0])).sum())
        filled = int((counts.sum(axis=0) > 0).sum())
        index = max(index - (filled - 1) * float((1 / totals).sum()), 0.0)
        expected = counts.sum(axis=0) * totals / counts.sum()
        is_sparse = (expected < LEAST_EXPECTED).any(axis=0)
        joined = np.concatenate([counts[:, ~is_sparse], counts[:, is_sparse].sum(axis=1, keepdims=True)], axis=1)
        joined = joined[:, joined.sum(axis=0) > 0]
        expected = joined.sum(axis=0) * totals / joined.sum()
        statistic = float(((joined - expected) ** 2 / expected).sum())
        degrees = joined.shape[1] - 1
        return (float(chdtrc(degrees, statistic)) if degrees else 1.0), index, missing

    def state(self) -> dict[str, Any]:
        """The state as values and arrays by name."""
        return {name: getattr(self, name) for name in self.NAMES}

    @classmethod
    def restore(cls, state: State) -> Histogram:
        """The inverse of `state`.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        values = StateRules(
            is_code=Flag(),
            edges=Array(np.float64, (None,)),
            counts=Array(np.int64, (None,), low=0, high=2**53),
        ).read(state)
        edges = values["edges"]
        require(len(values["counts"]) == len(edges) + 2, "counts must have two more items than edges.")
        require(len(edges) < 10_000 and (np.diff(edges) > 0).all(), "edges must be ascending.")
        return cls(**values)


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values (M,) of as many tests, corrected so that all of them together are rarely wrong (Holm 1979).

    >>> holm(np.array([0.01, 0.5, 0.02])).round(3).tolist()
    [0.03, 0.5, 0.04]
    """
    order = np.argsort(p_values)
    steps = np.minimum(p_values[order] * np.arange(len(p_values), 0, -1), 1.0)
    corrected = np.empty(len(p_values))
    corrected[order] = np.maximum.accumulate(steps)
    return corrected
