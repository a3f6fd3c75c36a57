"""Means of numbers whose logarithms were fitted: the exponential of a mean logarithm is below the mean. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.codec import State, TargetCodec
from medley.core.rules import Array, StateRules, require

SLOPES = (0.8, 1.25)
"""The least and the greatest slope."""


@dataclass(frozen=True)
class MeanCorrection:
    """Raw outputs (B, K) -> raw outputs (B, K) that the codec decodes as means.

    Squared errors of logarithms are minimised by the mean logarithm, whose exponential is the geometric mean: below the
    mean, the more so the more the numbers vary. An intercept on the logarithmic scale is a factor (Duan: Smearing
    Estimate, A Nonparametric Retransformation Method, 1983); a slope other than 1 lets the factor depend on the number.

    Args:
        slope: (K,), 1 where nothing is corrected.
        intercept: (K,), 0 where nothing is corrected.

    >>> MeanCorrection(np.ones(1), np.array([0.5])).apply(np.array([[2.0], [-1.0]])).tolist()
    [[2.5], [-0.5]]
    """

    slope: np.ndarray
    intercept: np.ndarray

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Corrects raw outputs (B, K)."""
        return np.asarray(raw, np.float64) * self.slope + self.intercept

    @property
    def method(self) -> str:
        """`"factor"` or `"power"`: what the numbers are multiplied by, or raised to as well."""
        return "factor" if (self.slope == 1).all() else "power"

    def state(self) -> dict[str, Any]:
        """The state as arrays by name."""
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def restore(cls, state: State, codec: TargetCodec) -> MeanCorrection:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            codec: of the target.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        is_geometric = codec.geometric
        require(is_geometric is not None, "The target has no numbers that were fitted as logarithms.")
        correction = cls(**RULES.read(state, {"K": len(codec.prior)}))
        is_changed = (correction.slope != 1) | (correction.intercept != 0)
        require(not (is_changed & ~np.asarray(is_geometric)).any(), "Only logarithms are corrected.")
        return correction


RULES = StateRules(
    slope=Array(np.float64, ("K",), low=SLOPES[0], high=SLOPES[1]),
    intercept=Array(np.float64, ("K",), low=-10, high=10),
)
