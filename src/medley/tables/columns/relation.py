"""The relation of a column of numbers to the targets: does its order predict them, or does each value by itself?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from medley.data.split import random_folds, random_sample
from medley.tables.columns.recurring_words import recurring_words

_MOST_ROWS = 5_000
_MOST_CLASSES = 20
_MOST_BINS = 64
_ROWS_PER_BIN = 10
_LEAST_ROWS = 8
_SIGNIFICANT = 4.0  # standard errors: one column in 16,000 by chance
_SIGNIFICANT_R2 = 1.5  # divided by the root of the number of rows
_CLEARLY = 0.05
_PREDICTIVE = 0.1


class TargetRelation:
    """Measures how numbers are related to the targets of a table, on a sample of its rows.

    Args:
        targets: the parsed cells of each target, B rows each: numbers (B,) or (B, K), labels (B,) of objects, or a list
            of B lists of labels.

    >>> relation = TargetRelation([np.arange(100) * 2.0 + 1])
    >>> relation.is_predicted_by(np.arange(100.0)), relation.is_predicted_by(np.arange(100.0) * 7 % 10)
    (True, False)
    """

    def __init__(self, targets: Sequence[Any]) -> None:
        self._cells = list(targets)
        self._rows = random_sample(len(targets[0]) if targets else 0, _MOST_ROWS)

    def is_predicted_by(self, numbers: np.ndarray) -> bool:
        """Whether a target depends on the order of numbers (B,): monotonically, or on the interval that they lie in."""
        return any(
            _is_monotone(values, target) or _smooth_r2(values, target) > _SIGNIFICANT_R2 / len(values) ** 0.5
            for values, target in self._pairs(numbers)
        )

    def prefers_order(self, numbers: np.ndarray) -> bool:
        """Whether the order of numbers (B,) predicts a target clearly better than each value by itself does."""
        return any(
            (smooth := _smooth_r2(values, target)) > max(_PREDICTIVE, _SIGNIFICANT_R2 / len(values) ** 0.5)
            and smooth > _level_r2(values, target) + _CLEARLY
            for values, target in self._pairs(numbers)
        )

    def is_predicted_by_words(self, codes: np.ndarray, strings: Sequence[Any]) -> bool:
        """Whether a target depends on the recurring words of strings.

        Args:
            codes: (B,) index into `strings` of each row, -1 where missing.
            strings: D of them.
        """
        present = codes[self._rows] >= 0
        words = recurring_words([str(strings[code]) for code in codes[self._rows][present].tolist()])
        for target in self._targets:
            known = np.isfinite(target[present]).all(axis=1)
            labelled = [words[row] for row in np.flatnonzero(known)]
            if known.sum() >= _LEAST_ROWS and any(labelled):
                r2 = _word_r2(labelled, target[present][known])
                if r2 > _SIGNIFICANT_R2 / len(labelled) ** 0.5:
                    return True
        return False

    @cached_property
    def _targets(self) -> list[np.ndarray]:
        """Each target as standardised numbers (S, K) of the sampled rows, NaN where missing."""
        return [_as_matrix(cells, self._rows) for cells in self._cells]

    def _pairs(self, numbers: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The numbers and each target (S, K), in the rows that have both."""
        values = numbers[self._rows]
        for target in self._targets:
            present = np.isfinite(values) & np.isfinite(target).all(axis=1)
            if present.sum() >= _LEAST_ROWS and len(np.unique(values[present])) > 1:
                yield values[present], target[present]


def _as_matrix(cells: Any, rows: np.ndarray) -> np.ndarray:
    if isinstance(cells, np.ndarray) and cells.dtype.kind == "f":
        # Ranks, so that a few large numbers do not decide.
        columns = cells[rows].reshape(len(rows), -1)[:, :_MOST_CLASSES]
        return np.stack([_standardised(_ranks(column)) for column in columns.T], axis=1)
    labels = [cells[row] for row in rows.tolist()]
    sets = [label if isinstance(label, list) else [label] for label in labels]
    counts = Counter(label for members in sets for label in members if label is not None)
    frequent = [label for label, _ in counts.most_common(_MOST_CLASSES)]
    matrix = np.array([[label in members for label in frequent] for members in sets], np.float64)
    matrix[[label is None for label in labels]] = np.nan
    return np.stack([_standardised(column) for column in matrix.T], axis=1) if frequent else matrix.reshape(-1, 0)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Mean ranks (S,), NaN where values are missing."""
    present = np.isfinite(values)
    ranks = np.full(len(values), np.nan)
    if present.any():
        _, codes, counts = np.unique(values[present], return_inverse=True, return_counts=True)
        ranks[present] = (np.cumsum(counts) - (counts - 1) / 2)[codes]
    return ranks


def _standardised(values: np.ndarray) -> np.ndarray:
    present = np.isfinite(values)
    if not present.any():
        return values
    scale = values[present].std()
    return (values - values[present].mean()) / (scale if scale > 0 else 1.0)


def _is_monotone(values: np.ndarray, target: np.ndarray) -> bool:
    """Whether a rank correlation of numbers (S,) with a column of a target (S, K) is significant."""
    ranks = _standardised(_ranks(values))
    correlations = np.abs(ranks @ np.apply_along_axis(_standardised, 0, target)) / len(values)
    largest = min(float(correlations.max(initial=0.0)), 1 - 1e-9)
    return bool(np.arctanh(largest) * (len(values) - 3) ** 0.5 > _SIGNIFICANT)


def _smooth_r2(values: np.ndarray, target: np.ndarray) -> float:
    """Cross-validated R2 of a target (S, K) by a curve or by intervals of numbers (S,), whichever is better."""
    ranks = _standardised(_ranks(values))
    curve = np.stack([np.ones(len(values)), ranks, ranks**2, ranks**3], axis=1)
    return max(_curve_r2(curve, target), _group_r2(_intervals(values), target))


def _level_r2(values: np.ndarray, target: np.ndarray) -> float:
    """Cross-validated R2 of a target (S, K) by the mean of each distinct number (S,)."""
    return _group_r2(np.unique(values, return_inverse=True)[1], target)


def _intervals(values: np.ndarray) -> np.ndarray:
    """Codes of quantile intervals, or of the distinct numbers if they are few."""
    bins = int(np.clip(len(values) // _ROWS_PER_BIN, 2, _MOST_BINS))
    edges = np.unique(values)
    if len(edges) > bins:
        edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _curve_r2(curve: np.ndarray, target: np.ndarray) -> float:
    residual = 0.0
    for train, validation in random_folds(len(curve)):
        weights = np.linalg.lstsq(curve[train], target[train], rcond=None)[0]
        residual += float(((target[validation] - curve[validation] @ weights) ** 2).sum())
    return _r2(residual, target)


def _group_r2(groups: np.ndarray, target: np.ndarray) -> float:
    residual, size = 0.0, int(groups.max()) + 1
    for train, validation in random_folds(len(groups)):
        mean = target[train].mean(axis=0)
        counts, sums = np.bincount(groups[train], minlength=size), np.zeros((size, target.shape[1]))
        np.add.at(sums, groups[train], target[train] - mean)
        # One row at the mean of all is added, so that rare groups do not memorise.
        means = mean + sums / (counts + 1)[:, None]
        residual += float(((target[validation] - means[groups[validation]]) ** 2).sum())
    return _r2(residual, target)


def _word_r2(words: Sequence[set[str]], target: np.ndarray) -> float:
    """Cross-validated R2 of a target (S, K) by the mean of each word, averaged over the words of a row."""
    vocabulary = {word: place for place, word in enumerate(sorted(set().union(*words)))}
    rows = np.repeat(np.arange(len(words)), [len(row) for row in words])
    columns = np.array([vocabulary[word] for row in words for word in sorted(row)], np.int64)
    share = 1 / np.array([max(len(row), 1) for row in words])[:, None]
    residual = 0.0
    for train, validation in random_folds(len(words)):
        mean = target[train].mean(axis=0)
        is_train = train[rows]
        sums = np.zeros((len(vocabulary), target.shape[1]))
        np.add.at(sums, columns[is_train], (target - mean)[rows[is_train]])
        effects = sums / (np.bincount(columns[is_train], minlength=len(vocabulary)) + 1)[:, None]
        predicted = np.zeros_like(target)
        np.add.at(predicted, rows, effects[columns])
        residual += float(((target - mean - predicted * share)[validation] ** 2).sum())
    return _r2(residual, target)


def _r2(residual: float, target: np.ndarray) -> float:
    total = float(((target - target.mean(axis=0)) ** 2).sum())
    return 1 - residual / total if total > 0 else 0.0
