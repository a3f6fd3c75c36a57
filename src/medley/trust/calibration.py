"""Calibration: probabilities that are as high as their predictions are often right. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.codec import State, TargetCodec
from medley.core.rules import Array, StateRules, require
from medley.trust.mean_correction import MeanCorrection

LINKS = ("logit", "multinomial")
"""Links of raw outputs whose probabilities can be calibrated. Ordered classes are predicted by their median, which a
temperature would move."""

LIFT = 1e-6
"""By which the logit of the predicted class is above that of a class that would take its place."""

_SLOPE = Array(np.float64, ("K",), low=1e-6, high=1e6)
_INTERCEPT = Array(np.float64, ("K",), low=-1e6, high=1e6)


@dataclass(frozen=True)
class Calibration:
    """Raw outputs (B, K) -> calibrated raw outputs (B, K), which have the same most probable class.

    Each output is multiplied by a slope, and an intercept is added: with one slope for all and no intercepts, this is
    temperature scaling (Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, 2017), otherwise
    structured vector scaling (Berta, Holzmüller, Jordan, Bach: Structured Matrix Scaling for Multi-Class Calibration,
    2025, https://arxiv.org/abs/2511.03685), whose slopes and intercepts are drawn to those of temperature scaling. If
    another class became the most probable one, the predicted class is lifted to the same probability.

    Args:
        slope: (K,), positive.
        intercept: (K,), zeros where there are none.

    >>> Calibration(np.array([0.5]), np.zeros(1)).apply(np.array([[2.0], [-1.0]])).tolist()
    [[1.0], [-0.5]]
    """

    slope: np.ndarray
    intercept: np.ndarray

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """Calibrates raw outputs (B, K)."""
        raw = np.asarray(raw, np.float64)
        scaled = raw * self.slope + self.intercept
        if raw.shape[1] > 1 and self.intercept.any():
            rows, predicted, highest = np.arange(len(raw)), raw.argmax(axis=1), scaled.max(axis=1)
            scaled[rows, predicted] = np.where(scaled[rows, predicted] < highest, highest + LIFT, highest)
        return scaled

    @property
    def method(self) -> str:
        """`"temperature"` or `"structured"`."""
        is_shared = not self.intercept.any() and (self.slope == self.slope[0]).all()
        return "temperature" if is_shared else "structured"

    def state(self) -> dict[str, Any]:
        """The state as arrays by name."""
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def restore(cls, state: State, codec: TargetCodec) -> Calibration:
        """The inverse of `state`.

        Args:
            state: as returned by `state`, or anything.
            codec: of the target.

        Raises:
            ArtifactError: values are missing or wrong.
        """
        require(codec.linear_link in LINKS, "The target has no probabilities that can be calibrated.")
        return cls(**StateRules(slope=_SLOPE, intercept=_INTERCEPT).read(state, {"K": len(codec.prior)}))


AnyCalibration = Calibration | MeanCorrection
"""Of probabilities, or of numbers."""


def calibrated(calibration: AnyCalibration | None, codec: TargetCodec, raw: np.ndarray) -> np.ndarray:
    """Raw outputs (B, K), calibrated where there is a calibration; rows without any input keep the prior.

    Args:
        calibration: of the target's probabilities, or the correction of its numbers, or None.
        codec: of the target.
        raw: raw outputs (B, K).
    """
    if calibration is None or not len(raw):
        return raw
    has_inputs = (raw != codec.prior).any(axis=1, keepdims=True)
    return np.where(has_inputs, calibration.apply(raw), raw)


def predicted(calibration: AnyCalibration | None, codec: TargetCodec, raw: np.ndarray) -> np.ndarray:
    """Raw outputs (B, K) that the codec decodes as predictions: only the correction of numbers changes them.

    Args:
        calibration: as of `calibrated`, like the next two.
        codec: of the target.
        raw: raw outputs (B, K).
    """
    return calibrated(calibration, codec, raw) if isinstance(calibration, MeanCorrection) else raw
