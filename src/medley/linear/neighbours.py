"""Mean targets of neighbouring rows, in planes of two numeric columns, such as coordinates on a map."""

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
MAX_TESTED_ROWS = 2_000
"""Maximum number of rows on which planes are compared."""

MIN_EXPLAINED = 0.01
"""Fraction of the variance of a target's residual that the means in a plane must explain."""


@dataclass
class LocalMeans:
    """Mean targets of the nearest training rows, in planes in which neighbouring rows have similar targets.

    Source of the idea: nearest-neighbour regression (Fix and Hodges, 1951), here as features of other models.

    Attributes:
        planes: pairs of columns.
        points: one array (N, 2) per plane: training rows with both columns.
        targets: one array (N, J) per plane.
        folds: one array (N,) per plane, the fold of each point; not part of the state, as only training needs it.
        mean: mean targets (J,), for rows without a coordinate.
    """

    planes: list[tuple[int, int]] = field(default_factory=list)
    points: list[np.ndarray] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    folds: list[np.ndarray] = field(default_factory=list)
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def fit(
        self, columns: np.ndarray, targets: np.ndarray, residual: np.ndarray, observed: np.ndarray, folds: np.ndarray
    ) -> Self:
        """Chooses planes and stores their training rows.

        Args:
            columns: (N, C) standardised numbers, NaN where missing.
            targets: (N, J).
            residual: (N, J) residual of a linear model, out of fold.
            observed: (N, J) bool.
            folds: (N,) from 0.
        """
        rows = len(columns)
        self.planes, self.points, self.targets, self.folds = [], [], [], []
        self.mean = np.zeros(targets.shape[1], np.float32)
        candidates = [
            index for index in range(columns.shape[1]) if len(np.unique(columns[: 4 * MAX_TESTED_ROWS, index])) >= 20
        ]
        if (
            rows < MIN_ROWS
            or targets.shape[1] > MAX_TARGETS
            or not observed.all()
            or not 2 <= len(candidates) <= MAX_COLUMNS
        ):
            return self
        self.mean = targets.mean(axis=0).astype(np.float32)
        sample = np.random.default_rng(0).permutation(rows)[: 4 * MAX_TESTED_ROWS]
        is_tested = np.isin(folds[sample], (0, 1))
        tested, fitted = sample[is_tested][:MAX_TESTED_ROWS], sample[~is_tested]
        variance = residual[tested].var(axis=0) + 1e-9
        gains = {}
        for pair in combinations(candidates, 2):
            means = _means(columns[fitted][:, pair], residual[fitted], columns[tested][:, pair], COUNTS[1])
            remaining_residual = residual[tested] - np.where(np.isnan(means), 0, means)
            gains[pair] = float((1 - (remaining_residual**2).mean(axis=0) / variance).max())
        best = sorted(gains, key=lambda pair: -gains[pair])[:MAX_PLANES]
        self.planes = [pair for pair in best if gains[pair] >= MIN_EXPLAINED]
        for pair in self.planes:
            has_both = ~np.isnan(columns[:, pair]).any(axis=1)
            self.points.append(columns[has_both][:, pair].astype(np.float32))
            self.targets.append(targets[has_both].astype(np.float16))
            self.folds.append(folds[has_both])
        return self

    def encode_training(self, columns: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """The mean targets of training rows over neighbours in other folds.

        Args:
            columns: (N, C).
            targets: (N, J).
            folds: (N,).

        Returns:
            (N, planes * counts * J).
        """
        array = self._empty(len(columns))
        for fold in np.unique(folds):
            in_fold, in_other_folds = folds == fold, folds != fold
            for index, pair in enumerate(self.planes):
                for count_index, count in enumerate(COUNTS):
                    means = _means(
                        columns[in_other_folds][:, pair], targets[in_other_folds], columns[in_fold][:, pair], count
                    )
                    array[in_fold, index, count_index] = np.where(np.isnan(means), self.mean, means)
        return array.reshape(len(columns), -1)

    def encode(self, columns: np.ndarray, excluded: int | None = None) -> np.ndarray:
        """The mean targets over neighbouring training rows.

        Args:
            columns: (B, C).
            excluded: fold of training rows that are not neighbours; after `fit` only.

        Returns:
            (B, planes * counts * J).
        """
        array = self._empty(len(columns))
        for index, pair in enumerate(self.planes):
            used = slice(None) if excluded is None else self.folds[index] != excluded
            points, targets = self.points[index][used], self.targets[index][used].astype(np.float32)
            for count_index, count in enumerate(COUNTS):
                means = _means(points, targets, columns[:, pair], count)
                array[:, index, count_index] = np.where(np.isnan(means), self.mean, means)
        return array.reshape(len(columns), -1)

    def _empty(self, rows: int) -> np.ndarray:
        return np.zeros((rows, len(self.planes), len(COUNTS), len(self.mean)), np.float32)

    def state(self) -> dict[str, Any]:
        """The fitted state: JSON values and arrays."""
        state: dict[str, Any] = {"planes": [list(pair) for pair in self.planes], "mean": self.mean}
        for index, (points, targets) in enumerate(zip(self.points, self.targets, strict=True)):
            state |= {f"points_{index}": points, f"targets_{index}": targets}
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


def _means(points: np.ndarray, values: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """Mean values (B, J) of the `count` nearest points; NaN if a coordinate is missing."""
    from scipy.spatial import KDTree

    has_both = ~np.isnan(points).any(axis=1)
    points, values = points[has_both], values[has_both]
    is_complete = ~np.isnan(queries).any(axis=1)
    means = np.full((len(queries), values.shape[1]), np.nan, np.float32)
    if len(points) and is_complete.any():
        indices = KDTree(points).query(queries[is_complete], k=min(count, len(points)), workers=-1)[1]
        means[is_complete] = values[np.asarray(indices).reshape(int(is_complete.sum()), -1)].mean(axis=1)
    return means
