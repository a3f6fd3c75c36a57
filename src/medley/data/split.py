"""Rows for training and for validation: shuffled, stratified over all targets, no class lost to training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from medley.core.arguments import check_fraction
from medley.errors import ConfigError, DataError, ErrorCollector

FOLDS = 5
"""Folds of the rows, of which each member of an ensemble leaves one out where folds are used."""


def split(rows: int, fraction: float, seed: int, strata: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Splits row positions at random, with about the same share of every class on both sides.

    Rows are shuffled, sorted by all strata together, and validation takes evenly spaced ones: that works with
    any number of classes, however rare. Then rows are exchanged until training knows every class; that is
    sure to end well where training has more rows than all strata have classes together, and tried otherwise.

    Args:
        rows: number of rows B, at least 2.
        fraction: share of validation rows, between 0 and 1; both sides get at least one row.
        seed: the same seed gives the same split.
        strata: class codes (B,), one array per target, -1 where unobserved; numbers are binned first
            (`bins`). The first is balanced best.

    Returns:
        Positions for training and positions for validation, each in rising order.

    Raises:
        DataError: there are fewer than 2 rows, or a stratum has another length.
        ConfigError: `fraction` is not between 0 and 1.

    >>> train, validation = split(10, 0.2, seed=0, strata=[np.array([0, 1] * 5)])
    >>> train.shape, (validation % 2).tolist()
    ((8,), [0, 1])
    """
    errors = ErrorCollector()
    check_fraction(errors, fraction, "validation_split")
    errors.raise_if_any(ConfigError)
    if rows < 2:
        raise DataError(f"At least 2 rows are needed to set some aside for validation, got {rows}.")
    codes = _compact(rows, strata)
    rng = np.random.default_rng(seed)
    order = rng.permutation(rows)
    if len(codes):
        # lexsort is stable, so rows of equal classes stay shuffled; its last key is the first one sorted by.
        order = order[np.lexsort(codes[::-1, order])]
    size = min(max(round(rows * fraction), 1), rows - 1)
    held = np.zeros(rows, dtype=bool)
    held[order[((np.arange(size) + 0.5) * rows / size).astype(np.int64)]] = True
    _cover(codes, held, rng)
    return np.flatnonzero(~held), np.flatnonzero(held)


def bins(values: np.ndarray, count: int = 10) -> np.ndarray:
    """Numbers as class codes by their quantiles, so that `split` can stratify over them.

    Args:
        values: numbers (B,); NaN and infinities count as unobserved.
        count: the largest number of bins; there are fewer where that would leave under ten rows in each.

    Returns:
        Codes (B,) from 0, -1 for unobserved.

    >>> bins(np.array([*range(40), np.nan])).tolist()[::10]
    [0, 1, 2, 3, -1]
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    count = min(count, known.sum() // 10)
    if count < 2:
        return np.where(known, 0, -1)
    edges = np.quantile(values[known], np.arange(1, count) / count)
    return np.where(known, np.searchsorted(np.unique(edges), values, side="right"), -1)


def _compact(rows: int, strata: Sequence[np.ndarray]) -> np.ndarray:
    """Codes (S, B) without gaps, so that they can be counted; -1 stays."""
    codes = np.full((len(strata), rows), -1, dtype=np.int64)
    for place, stratum in zip(codes, strata, strict=True):
        given = np.asarray(stratum)
        if given.shape != (rows,):
            raise DataError(f"A stratum must have shape ({rows},), one code per row, got {given.shape}.")
        place[given >= 0] = np.unique(given[given >= 0], return_inverse=True)[1]
    return codes


def _cover(codes: np.ndarray, held: np.ndarray, rng: np.random.Generator) -> None:
    """Exchanges rows in place, so that no class has all its rows in `held` (B,) if rows can be spared."""
    counts = [np.bincount(one[~held & (one >= 0)], minlength=one.max(initial=-1) + 1) for one in codes]
    spare = _spare(codes, counts, held, rng)
    for one, tally in zip(codes, counts, strict=True):
        classes, first = np.unique(one, return_index=True)
        first = first[classes >= 0]
        for missing in np.flatnonzero(tally == 0):
            if tally[missing]:  # an earlier exchange brought it along
                continue
            incoming = int(first[missing])
            _tally(codes, counts, incoming, +1)
            outgoing = next(spare, None)
            if outgoing is None:
                return
            _tally(codes, counts, outgoing, -1)
            held[incoming], held[outgoing] = False, True


def _spare(codes: np.ndarray, counts: list[np.ndarray], held: np.ndarray, rng: np.random.Generator) -> Iterator[int]:
    """Training rows, none the last of its class in any stratum as things are when it is asked for."""
    while True:
        given = False
        for row in rng.permutation(np.flatnonzero(~held)).tolist():
            if not held[row] and all(c[row] < 0 or n[c[row]] > 1 for c, n in zip(codes, counts, strict=True)):
                given = True
                yield row
        if not given:
            return


def _tally(codes: np.ndarray, counts: list[np.ndarray], row: int, step: int) -> None:
    for code, tally in zip(codes, counts, strict=True):
        if code[row] >= 0:
            tally[code[row]] += step
