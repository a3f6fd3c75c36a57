"""How unusual a row is: how far its embedding lies from those of reference rows. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from medley.core.codec import State
from medley.core.rules import Array, Real, StateRules, require

COMPONENTS = 8
"""Principal components of embeddings that are told apart; the rest counts together."""

MIN_ROWS = 20
"""Fewer reference rows say nothing about what is usual."""

LEVELS = 101
"""Quantiles of the distances of reference rows that are kept."""


@dataclass(frozen=True)
class UsualRows:
    """Where the embeddings of reference rows lie.

    The distance of a row is Mahalanobis's over the first principal components, and the mean square of what they leave
    out, in units of that of the reference rows (principal component analysis as a model of probability: Tipping,
    Bishop, 1999).

    Args:
        mean: (D,) of the embeddings.
        components: (R, D) principal components, each divided by the standard deviation along it.
        scale: (R,) these standard deviations.
        residual: mean square of what the components leave out.
        quantiles: ascending distances of reference rows that the components were not computed from.
    """

    mean: np.ndarray
    components: np.ndarray
    scale: np.ndarray
    residual: float
    quantiles: np.ndarray

    NAMES: ClassVar[tuple[str, ...]] = ("mean", "components", "scale", "residual", "quantiles")

    @classmethod
    def of(cls, embeddings: np.ndarray) -> UsualRows | None:
        """Fits to the embeddings (N, D) of reference rows in random order; None if they are too few, or all equal."""
        embeddings = np.asarray(embeddings, np.float64)
        embeddings = embeddings[np.isfinite(embeddings).all(axis=1)]
        if len(embeddings) < MIN_ROWS:
            return None
        half = embeddings[: len(embeddings) // 2]
        mean = half.mean(axis=0)
        centred = half - mean
        count = min(COMPONENTS, len(half) // 4, centred.shape[1])
        # The smaller of the two products: rows may be fewer than widths.
        if centred.shape[0] < centred.shape[1]:
            values, vectors = np.linalg.eigh(centred @ centred.T)
            variances = values[::-1][:count] / len(half)
            directions = (centred.T @ vectors[:, ::-1][:, :count]).T
        else:
            values, vectors = np.linalg.eigh(centred.T @ centred)
            variances = values[::-1][:count] / len(half)
            directions = vectors[:, ::-1][:, :count].T
        used = variances > 1e-9 * max(float(variances.max(initial=0)), 1e-12)
        if not used.any():
            return None
        directions, scale = directions[used], np.sqrt(variances[used])
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        projected = centred @ directions.T
        residual = float(((centred**2).sum(axis=1) - (projected**2).sum(axis=1)).clip(0).mean())
        residual = max(residual, 1e-9 * float((scale**2).sum()))
        usual = cls(mean, directions / scale[:, None], scale, residual, np.zeros(1))
        distances = usual.distances(embeddings[len(embeddings) // 2 :])
        return cls(mean, usual.components, scale, residual, np.quantile(distances, np.linspace(0, 1, LEVELS)))

    def coordinates(self, embeddings: np.ndarray) -> np.ndarray:
        """(B, R) along the components, in standard deviations."""
        return (np.asarray(embeddings, np.float64) - self.mean) @ self.components.T

    def distances(self, embeddings: np.ndarray) -> np.ndarray:
        """Distances (B,) of embeddings (B, D)."""
        coordinates = self.coordinates(embeddings)
        total = ((np.asarray(embeddings, np.float64) - self.mean) ** 2).sum(axis=1)
        left = (total - ((coordinates * self.scale) ** 2).sum(axis=1)).clip(0)
        return (coordinates**2).sum(axis=1) + left / self.residual

    def unusualness(self, embeddings: np.ndarray) -> np.ndarray:
        """The fraction (B,) of reference rows that are less unusual: 1 for what is further away than all of them."""
        distances = self.distances(embeddings)
        return np.interp(distances, self.quantiles, np.linspace(0, 1, len(self.quantiles)), left=0.0, right=1.0)

    def state(self) -> dict[str, Any]:
        """The state as values and arrays by name."""
        names = ("mean", "components", "scale", "quantiles")
        return {"residual": self.residual, **{name: getattr(self, name).astype(np.float32) for name in names}}

    @classmethod
    def restore(cls, state: State) -> UsualRows:
        """The inverse of `state`.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        values = StateRules(
            mean=Array(np.float64, ("D",)),
            components=Array(np.float64, ("R", "D")),
            scale=Array(np.float64, ("R",), low=0.0),
            residual=Real(1e-300),
            quantiles=Array(np.float64, (None,), low=0.0),
        ).read(state)
        ascending = len(values["quantiles"]) > 0 and (np.diff(values["quantiles"]) >= 0).all()
        require(ascending, "quantiles must be ascending numbers.")
        return cls(**values)
