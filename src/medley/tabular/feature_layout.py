"""Which features of a linear model are computed from which columns of a table, for all columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from medley.core.spec import Column

BINS = 16


class FeatureLayout:
    """Computes the features of few rows: with a few calls for all columns, as each call of NumPy has a fixed cost.

    Args:
        columns: C columns.
        codes: of each column, the codes with a feature; ignored for numbers.
    """

    def __init__(self, columns: Sequence[Column], codes: Sequence[Sequence[int]]) -> None:
        self._numbers: list[tuple[int, int]] = []  # column, and place of the feature; likewise below
        self._ranks: list[tuple[int, int, np.ndarray, np.ndarray]] = []  # and edges, and their ranks
        self._indicators: list[tuple[int, int]] = []
        parts: list[tuple[int, int, float, float]] = []  # and start, and width
        hot: list[tuple[int, int, float]] = []  # and code
        self.width = 0
        for position, column in enumerate(columns):
            if column.kind == "categorical":
                hot += [(position, self._next(), float(code)) for code in codes[position]]
                continue
            self._numbers.append((position, self._next()))
            if column.bins and not column.is_time:
                edges, ranks, ends, widths = pieces(column.bins)
                self._ranks.append((position, self._next(), edges, ranks))
                parts += [(position, self._next(), *piece) for piece in zip(ends, widths, strict=False)]
            if column.missing:
                self._indicators.append((position, self._next()))
        self._parts, self._hot = np.array(parts).reshape(-1, 4), np.array(hot).reshape(-1, 3)
        self._part_places, self._hot_places = (table[:, :2].T.astype(np.int64) for table in (self._parts, self._hot))
        self._hot_codes = self._hot[:, 2].astype(np.float32)

    def _next(self) -> int:
        self.width += 1
        return self.width - 1

    def features(self, cells: np.ndarray) -> np.ndarray:
        """Encoded cells (B, C) -> float32 (B, F)."""
        features = np.empty((len(cells), self.width), np.float32)
        missing = np.isnan(cells)
        filled = np.where(missing, np.float32(0), cells)
        for column, place in self._numbers:
            features[:, place] = filled[:, column]
        for column, place, edges, ranks in self._ranks:
            rank = np.interp(filled[:, column], edges, ranks)
            features[:, place] = np.where(missing[:, column], 0.0, rank)
        for column, place in self._indicators:
            features[:, place] = missing[:, column]
        columns, places = self._part_places
        parts = np.minimum(np.maximum((filled[:, columns] - self._parts[:, 2]) / self._parts[:, 3], 0), 1)
        features[:, places] = np.where(missing[:, columns], 0.0, parts)
        columns, places = self._hot_places
        features[:, places] = cells[:, columns] == self._hot_codes
        return features


@lru_cache(4096)
def pieces(bins: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Edges of bins, their ranks from -1 to 1, ends of the pieces between quantiles, widths of these pieces."""
    edges, ends = np.asarray(bins, np.float64), knots(bins)
    return edges, np.linspace(-1, 1, len(edges)), ends, np.diff(ends)


def knots(bins: tuple[float, ...]) -> np.ndarray:
    """Up to 17 of the edges of a column's bins, the ends of the pieces between quantiles."""
    edges = np.asarray(bins, np.float64)
    return edges[np.unique(np.linspace(0, len(edges) - 1, min(BINS, len(edges) - 1) + 1).round().astype(int))]
