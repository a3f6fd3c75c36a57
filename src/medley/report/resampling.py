"""Resamples of the bootstrap: of rows, or of whole groups of rows that are not independent of each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medley.model.model import Model
from medley.tables.reading.read import Table


def resampler(
    generator: np.random.Generator, size: int, rows: int, groups: np.ndarray | None = None
) -> Callable[[], np.ndarray]:
    """A function that draws the positions of about `rows` of `size` rows with replacement; of groups, whole ones.

    Source: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), section 3.8.

    Args:
        generator: of the draws.
        size: number of rows.
        rows: number of rows that are drawn.
        groups: (size,) integers from 0, or None where rows are independent.

    >>> draw = resampler(np.random.default_rng(0), 4, 4, np.array([0, 1, 0, 1]))
    >>> draw().tolist()
    [1, 1, 3, 3]
    """
    if groups is None:
        return lambda: generator.integers(0, size, rows)
    count = int(groups.max()) + 1
    drawn = max(round(count * rows / size), 1)

    def draw() -> np.ndarray:
        times = np.bincount(generator.integers(0, count, drawn), minlength=count)
        index = np.repeat(np.arange(size), times[groups])
        return index if len(index) else draw()  # groups of which no row counts here

    return draw


def groups_of(model: Model, table: Any) -> np.ndarray | None:
    """Integers (N,), equal for rows that the split of the training has kept together, if the table has that column."""
    column = (model.metadata.get("split_by") or {}).get("group")
    if column is None or not isinstance(table, Table) or column not in table.frame.columns:
        return None
    return group_numbers(table.frame[column])


def group_numbers(values: Any) -> np.ndarray:
    """Integers (N,) from 0, equal for equal values; missing ones are a group of their own.

    >>> group_numbers(["b", "a", None, "b"]).tolist()
    [0, 1, 2, 0]
    """
    import pandas as pd

    return pd.factorize(pd.Series(values), use_na_sentinel=False)[0]
