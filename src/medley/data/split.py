"""Random splits into training and validation rows, stratified over all targets, with every class in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from medley.core.arguments import check_fraction
from medley.errors import ConfigError, DataError, ErrorCollector

FOLDS = 5
"""Folds of the rows, of which each member of an ensemble leaves one out where folds are used."""


def split(rows: int, fraction: float, seed: int, strata: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Split row positions at random, with about the same fraction of every class in both parts.

    Rows are shuffled, then sorted by all strata together, and evenly spaced rows become validation rows: this works
    with any number of classes, however rare. Then rows are swapped until training has every class; this always
    succeeds if there are more training rows than classes in all strata together.

    Args:
        rows: number of rows B, at least 2.
        fraction: fraction of validation rows, between 0 and 1; both parts get at least one row.
        seed: the same seed gives the same split.
        strata: class codes (B,), one array per target, -1 where unobserved; numbers are binned first
            (`bins`). The first is balanced best.

    Returns:
        Positions for training and positions for validation, each in ascending order.

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
        raise DataError(f"At least 2 rows are needed for a split into training and validation, got {rows}.")
    codes = _compact_codes(rows, strata)
    rng = np.random.default_rng(seed)
    order = rng.permutation(rows)
    if len(codes):
        # lexsort is stable, so rows of equal classes stay shuffled; its last key is the primary one.
        order = order[np.lexsort(codes[::-1, order])]
    size = min(max(round(rows * fraction), 1), rows - 1)
    in_validation = np.zeros(rows, dtype=bool)
    in_validation[order[((np.arange(size) + 0.5) * rows / size).astype(np.int64)]] = True
    _keep_all_classes_in_training(codes, in_validation, rng)
    return np.flatnonzero(~in_validation), np.flatnonzero(in_validation)


def bins(values: np.ndarray, count: int = 10) -> np.ndarray:
    """Bin numbers by their quantiles, so that `split` can stratify over them.

    Args:
        values: numbers (B,); NaN and infinities count as unobserved.
        count: the maximum number of bins; there are fewer if a bin would have less than ten rows.

    Returns:
        Codes (B,) from 0, -1 for unobserved.

    >>> bins(np.array([*range(40), np.nan])).tolist()[::10]
    [0, 1, 2, 3, -1]
    """
    values = np.asarray(values, dtype=np.float64)
    is_finite = np.isfinite(values)
    count = min(count, is_finite.sum() // 10)
    if count < 2:
        return np.where(is_finite, 0, -1)
    edges = np.quantile(values[is_finite], np.arange(1, count) / count)
    return np.where(is_finite, np.searchsorted(np.unique(edges), values, side="right"), -1)


def _compact_codes(rows: int, strata: Sequence[np.ndarray]) -> np.ndarray:
    """Renumber codes (S, B) without gaps, so that they can be counted; -1 stays."""
    codes = np.full((len(strata), rows), -1, dtype=np.int64)
    for row, stratum in zip(codes, strata, strict=True):
        stratum_codes = np.asarray(stratum)
        if stratum_codes.shape != (rows,):
            raise DataError(f"A stratum must have shape ({rows},), one code per row, got {stratum_codes.shape}.")
        row[stratum_codes >= 0] = np.unique(stratum_codes[stratum_codes >= 0], return_inverse=True)[1]
    return codes


def _keep_all_classes_in_training(codes: np.ndarray, in_validation: np.ndarray, rng: np.random.Generator) -> None:
    """Swap rows in place, so that no class has all its rows in validation (B,), as far as rows can be spared."""
    counts = [
        np.bincount(stratum[~in_validation & (stratum >= 0)], minlength=stratum.max(initial=-1) + 1)
        for stratum in codes
    ]
    spare = _spare_rows(codes, counts, in_validation, rng)
    for stratum, class_counts in zip(codes, counts, strict=True):
        classes, first = np.unique(stratum, return_index=True)
        first = first[classes >= 0]
        for missing in np.flatnonzero(class_counts == 0):
            if class_counts[missing]:  # added by an earlier swap
                continue
            incoming = int(first[missing])
            _update_counts(codes, counts, incoming, +1)
            outgoing = next(spare, None)
            if outgoing is None:
                return
            _update_counts(codes, counts, outgoing, -1)
            in_validation[incoming], in_validation[outgoing] = False, True


def _spare_rows(
    codes: np.ndarray, counts: list[np.ndarray], in_validation: np.ndarray, rng: np.random.Generator
) -> Iterator[int]:
    """Yield training rows that are not the last of their class in any stratum at that moment."""
    while True:
        has_candidate = False
        for row in rng.permutation(np.flatnonzero(~in_validation)).tolist():
            if not in_validation[row] and all(c[row] < 0 or n[c[row]] > 1 for c, n in zip(codes, counts, strict=True)):
                has_candidate = True
                yield row
        if not has_candidate:
            return


def _update_counts(codes: np.ndarray, counts: list[np.ndarray], row: int, change: int) -> None:
    for code, class_counts in zip(codes, counts, strict=True):
        if code[row] >= 0:
            class_counts[code[row]] += change
