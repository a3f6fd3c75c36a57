"""Columns that are associated: which tell nearly the same, so that one of them alone seems unimportant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from medley.report.model_rows import ModelColumn

STRONG = 0.7
"""Cramér's V from which two columns are associated."""

BINS = 10
MAX_LEVELS = 50
_PLAIN = ("number", "category", "boolean", "time", "numeric", "categorical")


def associated_columns(columns: Sequence[ModelColumn], strength: float = STRONG) -> list[tuple[str, ...]]:
    """Groups of two or more columns, each associated with another of its group.

    The measure is Cramér's V without its bias, of categories (rare ones together) and of tenths of numbers.

    Source: W. Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", Journal of the Korean Statistical Society
    42 (2013).

    Args:
        columns: with cells of N rows; texts, images and the like are left out.
        strength: the least V of an association.
    """
    levels = {column.name: _levels(column.cells) for column in columns if column.kind in _PLAIN}
    group = {name: {name} for name in levels}
    for first, second in combinations(levels, 2):
        if group[first] is not group[second] and cramers_v(levels[first], levels[second]) >= strength:
            merged = group[first] | group[second]
            group.update(dict.fromkeys(merged, merged))
    groups = {id(members): members for members in group.values() if len(members) > 1}
    return [tuple(name for name in levels if name in members) for members in groups.values()]


def cramers_v(first: np.ndarray, second: np.ndarray) -> float:
    """Cramér's V of two columns of levels (N,), corrected for its bias; 0 if one of them is constant.

    >>> same = np.arange(100) % 4
    >>> round(cramers_v(same, same), 3), cramers_v(same, np.arange(100) // 50) < 0.1
    (1.0, True)
    """
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    rows, columns, size = *table.shape, table.sum()
    if min(rows, columns) < 2 or size < 3:
        return 0.0
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / size
    phi = max(((table - expected) ** 2 / expected).sum() / size - (rows - 1) * (columns - 1) / (size - 1), 0.0)
    width = min(rows - (rows - 1) ** 2 / (size - 1), columns - (columns - 1) ** 2 / (size - 1)) - 1
    return float(np.sqrt(phi / width)) if width > 0 else 0.0


def _levels(cells: Any) -> np.ndarray:
    """A column as level numbers (N,); missing cells are a level of their own."""
    import pandas as pd

    series = pd.Series(np.asarray(cells)) if not isinstance(cells, pd.Series) else cells
    if series.dtype.kind in "iuf" and series.nunique() > BINS:
        codes = pd.Series(pd.qcut(series.rank(method="average"), BINS, labels=False, duplicates="drop"))
        return codes.fillna(BINS).to_numpy(np.int64)
    if series.dtype.kind in "mM":
        return _levels(series.astype("int64").to_numpy(np.float64))
    codes = pd.factorize(series.astype(object), use_na_sentinel=True)[0] + 1
    frequent = np.argsort(-np.bincount(codes), kind="stable")[:MAX_LEVELS]
    return np.where(np.isin(codes, frequent), codes, codes.max(initial=0) + 1)
