"""Columns that determine a target of several labels or numbers, wholly or in part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LEAST_ROWS = 10  # fewer rows than this agree by chance
MOSTLY = 0.98
BY_CHANCE = 0.8
"""Where this share of shuffled rows fits as well, that rows fit says nothing: every set holds that label."""


def compare_labels(column: Sequence[Any], target: Sequence[Any]) -> str | None:
    """How a column of labels, one or several per row, tells a target of sets.

    Args:
        column: B labels, or B lists of them; None where missing.
        target: B lists of labels, None where missing.

    Returns:
        `"equal"`, `"part"` (its labels are among the target's, or the target's among its) or None.

    >>> rows = [["a", "b"], ["c"], ["a", "c"], ["b"]] * 5
    >>> compare_labels(rows, rows), compare_labels([row[0] for row in rows], rows), compare_labels(rows[1:], rows[:-1])
    ('equal', 'part', None)
    """
    pairs = [(_set(one), _set(other)) for one, other in zip(column, target, strict=True)]
    known = [other for _, other in pairs if other]
    both = [(one, other) for one, other in pairs if one and other]
    if len(both) < max(LEAST_ROWS, len(known) / 2) or len({other for _, other in both}) < 2:
        return None
    if all(one == other for one, other in both):
        return "equal"
    among = _is_told(both) or _is_told([(other, one) for one, other in both])
    return "part" if among and len({one for one, _ in both}) > 1 else None


def _is_told(pairs: Sequence[tuple[frozenset[str], frozenset[str]]]) -> bool:
    """Whether the first sets are parts of the second, and not because nearly any are."""
    order = np.random.default_rng(0).permutation(len(pairs))
    fits = np.mean([one <= other for one, other in pairs])
    chance = np.mean([pairs[place][0] <= other for place, (_, other) in zip(order, pairs, strict=True)])
    return bool(fits >= MOSTLY and chance <= BY_CHANCE)


def _set(cell: Any) -> frozenset[str]:
    if cell is None:
        return frozenset()
    return frozenset(map(str, cell if isinstance(cell, list | tuple | set | np.ndarray) else [cell]))


def compare_numbers(column: np.ndarray, target: np.ndarray) -> str | None:
    """How a column of numbers, one or several per row, tells a target of several.

    Args:
        column: (B,) or (B, D), NaN where missing.
        target: (B, K), likewise.

    Returns:
        `"equal"`, `"part"` (some of the target's numbers stand in it) or None.

    >>> numbers = np.random.default_rng(0).normal(size=(20, 2))
    >>> compare_numbers(numbers, numbers), compare_numbers(numbers[:, 1], numbers), compare_numbers(-numbers, numbers)
    ('equal', 'part', None)
    """
    columns = column.reshape(len(column), -1)
    same = np.array([[_same(one, other) for other in target.T] for one in columns.T])
    if same.shape[0] == same.shape[1] and same.diagonal().all():
        return "equal"
    return "part" if same.any() else None


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < max(LEAST_ROWS, np.isfinite(other).sum() / 2) or len(np.unique(other[both])) < LEAST_ROWS:
        return False
    return bool(np.allclose(one[both], other[both], rtol=1e-6, atol=0))
