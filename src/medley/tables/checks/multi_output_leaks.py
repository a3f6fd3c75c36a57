"""Columns that hold all or part of a target with several labels or numbers per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_LEAST_ROWS = 10  # fewer rows may agree by chance
_SUBSET_RATE = 0.98
_CHANCE_RATE = 0.8
"""If this fraction of shuffled rows fits too, a fit is no evidence: every set holds that label, say."""


def compare_labels(column: Sequence[Any], target: Sequence[Any]) -> str | None:
    """Compare a column of labels, one or several per row, with a target of label sets.

    Args:
        column: B labels or B lists of labels; None where missing.
        target: B lists of labels, None where missing.

    Returns:
        `"equal"`, `"part"` (its labels are a subset of the target's, or the other way round) or None.

    >>> rows = [["a", "b"], ["c"], ["a", "c"], ["b"]] * 5
    >>> compare_labels(rows, rows), compare_labels([row[0] for row in rows], rows), compare_labels(rows[1:], rows[:-1])
    ('equal', 'part', None)
    """
    pairs = [(_set(labels), _set(target_labels)) for labels, target_labels in zip(column, target, strict=True)]
    labelled = [target_labels for _, target_labels in pairs if target_labels]
    paired = [(labels, target_labels) for labels, target_labels in pairs if labels and target_labels]
    if len(paired) < max(_LEAST_ROWS, len(labelled) / 2) or len({target_labels for _, target_labels in paired}) < 2:
        return None
    if all(labels == target_labels for labels, target_labels in paired):
        return "equal"
    is_contained = _is_subset(paired) or _is_subset([(target_labels, labels) for labels, target_labels in paired])
    return "part" if is_contained and len({labels for labels, _ in paired}) > 1 else None


def _is_subset(pairs: Sequence[tuple[frozenset[str], frozenset[str]]]) -> bool:
    """Whether the first sets are subsets of the second more often than shuffled ones are."""
    order = np.random.default_rng(0).permutation(len(pairs))
    fits = np.mean([part <= whole for part, whole in pairs])
    by_chance = np.mean([pairs[shuffled][0] <= whole for shuffled, (_, whole) in zip(order, pairs, strict=True)])
    return bool(fits >= _SUBSET_RATE and by_chance <= _CHANCE_RATE)


def _set(cell: Any) -> frozenset[str]:
    if cell is None:
        return frozenset()
    return frozenset(map(str, cell if isinstance(cell, list | tuple | set | np.ndarray) else [cell]))


def compare_numbers(column: np.ndarray, target: np.ndarray) -> str | None:
    """Compare a column of numbers, one or several per row, with a target of several numbers.

    Args:
        column: (B,) or (B, D), NaN where missing.
        target: (B, K), likewise.

    Returns:
        `"equal"`, `"part"` (it holds some of the target's numbers) or None.

    >>> numbers = np.random.default_rng(0).normal(size=(20, 2))
    >>> compare_numbers(numbers, numbers), compare_numbers(numbers[:, 1], numbers), compare_numbers(-numbers, numbers)
    ('equal', 'part', None)
    """
    columns = column.reshape(len(column), -1)
    matches = np.array(
        [[_agree(column_values, target_values) for target_values in target.T] for column_values in columns.T]
    )
    if matches.shape[0] == matches.shape[1] and matches.diagonal().all():
        return "equal"
    return "part" if matches.any() else None


def _agree(column: np.ndarray, target: np.ndarray) -> bool:
    present = np.isfinite(column) & np.isfinite(target)
    if present.sum() < max(_LEAST_ROWS, np.isfinite(target).sum() / 2) or len(np.unique(target[present])) < _LEAST_ROWS:
        return False
    return bool(np.allclose(column[present], target[present], rtol=1e-6, atol=0))
