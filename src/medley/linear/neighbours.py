"""Means of the targets of near rows, in planes of two numeric columns: what maps and the like hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np

from medley.core.codec import State
from medley.core.rules import Array, Items, StateRules, Whole

COUNTS = (4, 16)
MAX_PLANES = 3
MAX_COLUMNS = 12
MAX_TARGETS = 24
MIN_ROWS = 500
SCREENED = 2_000
"""Rows that planes are compared on."""

LEAST_EXPLAINED = 0.01
"""Fraction of a target's residual that a plane's means must explain."""


@dataclass
class LocalMeans:
    """Planes in which near rows have like targets, with the training rows that lie in them.

    Source of the idea: nearest-neighbour regression (Fix and Hodges, 1951), here as features of other models.

    Attributes:
        planes: pairs of columns.
        points: one array (N, 2) per plane, of training rows that have both.
        targets: one array (N, J) per plane.
        mean: (J,) of the targets, for rows that lack a coordinate.
    """

    planes: list[tuple[int, int]] = field(default_factory=list)
    points: list[np.ndarray] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def fit(
        self, columns: np.ndarray, targets: np.ndarray, residual: np.ndarray, observed: np.ndarray, folds: np.ndarray
    ) -> Self:
        """Chooses planes and keeps their training rows.

        Args:
            columns: (N, C) standardised numbers, NaN where missing.
            targets: (N, J).
            residual: (N, J) what a linear model leaves unexplained, out of fold.
            observed: (N, J) bool.
            folds: (N,) from 0.
        """
        rows = len(columns)
        self.planes, self.points, self.targets = [], [], []
        self.mean = np.zeros(targets.shape[1], np.float32)
        many = [place for place in range(columns.shape[1]) if len(np.unique(columns[: 4 * SCREENED, place])) >= 20]
        if rows < MIN_ROWS or targets.shape[1] > MAX_TARGETS or not observed.all() or not 2 <= len(many) <= MAX_COLUMNS:
            return self
        self.mean = targets.mean(axis=0).astype(np.float32)
        sample = np.random.default_rng(0).permutation(rows)[: 4 * SCREENED]
        is_tested = np.isin(folds[sample], (0, 1))
        tested, known = sample[is_tested][:SCREENED], sample[~is_tested]
        variance = residual[tested].var(axis=0) + 1e-9
        gains = {}
        for pair in combinations(many, 2):
            means = _means(columns[known][:, pair], residual[known], columns[tested][:, pair], COUNTS[1])
            left = residual[tested] - np.where(np.isnan(means), 0, means)
            gains[pair] = float((1 - (left**2).mean(axis=0) / variance).max())
        best = sorted(gains, key=lambda pair: -gains[pair])[:MAX_PLANES]
        self.planes = [pair for pair in best if gains[pair] >= LEAST_EXPLAINED]
        for pair in self.planes:
            has_both = ~np.isnan(columns[:, pair]).any(axis=1)
            self.points.append(columns[has_both][:, pair].astype(np.float32))
            self.targets.append(targets[has_both].astype(np.float16))
        return self

    def encode_training(self, columns: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """(N, planes * counts * J) means over rows of other folds."""
        array = self._empty(len(columns))
        for fold in np.unique(folds):
            mine, others = folds == fold, folds != fold
            for place, pair in enumerate(self.planes):
                for size_place, size in enumerate(COUNTS):
                    means = _means(columns[others][:, pair], targets[others], columns[mine][:, pair], size)
                    array[mine, place, size_place] = np.where(np.isnan(means), self.mean, means)
        return array.reshape(len(columns), -1)

    def encode(self, columns: np.ndarray) -> np.ndarray:
        """(B, planes * counts * J) means over training rows."""
        array = self._empty(len(columns))
        for place, pair in enumerate(self.planes):
            for size_place, size in enumerate(COUNTS):
                targets = self.targets[place].astype(np.float32)
                means = _means(self.points[place], targets, columns[:, pair], size)
                array[:, place, size_place] = np.where(np.isnan(means), self.mean, means)
        return array.reshape(len(columns), -1)

    def _empty(self, rows: int) -> np.ndarray:
        return np.zeros((rows, len(self.planes), len(COUNTS), len(self.mean)), np.float32)

    def state(self) -> dict[str, Any]:
        """JSON values and arrays."""
        state: dict[str, Any] = {"planes": [list(pair) for pair in self.planes], "mean": self.mean}
        for place, (points, targets) in enumerate(zip(self.points, self.targets, strict=True)):
            state |= {f"points_{place}": points, f"targets_{place}": targets}
        return state

    RULES: ClassVar[StateRules] = StateRules(
        planes=Items(Items(Whole(0, 100_000), 2), high=MAX_PLANES), mean=Array(np.float32, ("J",))
    )

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        sizes: dict[str, int] = {}
        values = self.RULES.read(state, sizes)
        self.planes, self.mean = [(first, second) for first, second in values["planes"]], values["mean"]
        self.points, self.targets = [], []
        for place in range(len(self.planes)):
            arrays = StateRules(
                **{
                    f"points_{place}": Array(np.float32, (f"rows {place}", 2)),
                    f"targets_{place}": Array(np.float16, (f"rows {place}", "J")),
                }
            ).read(state, sizes)
            self.points.append(arrays[f"points_{place}"])
            self.targets.append(arrays[f"targets_{place}"])
        return self


def _means(points: np.ndarray, values: np.ndarray, asked: np.ndarray, count: int) -> np.ndarray:
    """Means (B, J) over the `count` nearest points; NaN where a coordinate is missing."""
    from scipy.spatial import KDTree

    has_both = ~np.isnan(points).any(axis=1)
    points, values = points[has_both], values[has_both]
    is_asked = ~np.isnan(asked).any(axis=1)
    means = np.full((len(asked), values.shape[1]), np.nan, np.float32)
    if len(points) and is_asked.any():
        places = KDTree(points).query(asked[is_asked], k=min(count, len(points)), workers=-1)[1]
        means[is_asked] = values[np.asarray(places).reshape(int(is_asked.sum()), -1)].mean(axis=1)
    return means
