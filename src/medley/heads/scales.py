"""The scale of numeric targets: linear or logarithmic. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from medley.core.rules import Array, StateRules, require
from medley.errors import DataError

Rule = Literal["auto", "linear", "log"]
RULES = ("auto", "linear", "log")

MIN_SKEWNESS = 1.5  # a normal distribution has 0, an exponential distribution 2
MAX_EXTRAPOLATION = 1e15  # its square is still a finite float32
MIN_ROWS = 50  # with fewer rows, the skewness of a sample is not reliable


@dataclass(frozen=True)
class Scale:
    """A continuous, invertible mapping of columns of numbers to a scale that is suited to the squared error.

    A logarithmic column is log(number + offset) between the smallest and the largest training number, and is
    extrapolated linearly beyond them. It is therefore defined for all numbers, and extreme outputs stay finite.

    Args:
        log: which columns are logarithmic, (K,) bool.
        offset: added before the logarithm, (K,): 0 if all training numbers are positive.
        low: the smallest training number, (K,).
        high: the largest training number, (K,).

    >>> scale = Scale.learn(np.array([[1.0], [10.0], [100.0]]), "log")
    >>> scale.transform(np.array([[10.0], [0.5], [-3.0]])).round(3).tolist()
    [[2.303], [-0.5], [-4.0]]
    >>> scale.inverse_transform(scale.transform(np.array([[10.0], [0.5], [1e6]]))).tolist()
    [[10.0], [0.5], [1000000.0]]
    """

    log: np.ndarray
    offset: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def learn(cls, numbers: np.ndarray, rule: Rule) -> Scale:
        """Learns the scale of training rows (B, K), NaN where a number is missing.

        `"auto"` is logarithmic if there are at least 50 numbers, all are positive, their skewness exceeds 1.5, and the
        logarithm at least halves it; otherwise it is linear.

        Raises:
            DataError: `"log"` is requested for a column with negative numbers.
        """
        low, high = np.nanmin(numbers, axis=0), np.nanmax(numbers, axis=0)
        if rule == "log" and (low < 0).any():
            column = int(np.flatnonzero(low < 0)[0])
            raise DataError(
                f"A logarithmic scale needs non-negative numbers, got {low[column]:g} in column {column}. "
                'Use scale="linear".'
            )
        is_log = [_is_skewed(column[~np.isnan(column)]) for column in numbers.T] if rule == "auto" else rule == "log"
        offset = np.array([_offset(column) for column in numbers.T])
        return cls(np.broadcast_to(is_log, low.shape).copy(), offset, low, high)

    @property
    def is_linear(self) -> bool:
        """Whether all columns are linear."""
        return not self.log.any()

    def transform(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (B, K) -> (B, K), NaN for NaN."""
        if self.is_linear:
            return numbers
        clamped = np.clip(numbers, self.low, self.high)
        shifted = np.where(self.log, clamped + self.offset, 1.0)
        with np.errstate(over="ignore"):
            extrapolation = np.clip((numbers - clamped) / shifted, -MAX_EXTRAPOLATION, MAX_EXTRAPOLATION)
        return np.where(self.log, np.log(shifted) + extrapolation, numbers)

    def inverse_transform(self, scaled: np.ndarray) -> np.ndarray:
        """The inverse of `transform`."""
        if self.is_linear:
            return scaled
        clamped = np.clip(scaled, *self.ends)
        exponential = np.exp(np.where(self.log, clamped, 0.0))
        return np.where(self.log, exponential - self.offset + (scaled - clamped) * exponential, scaled)

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and largest training numbers on this scale, (K,) each; 0 for linear columns."""
        low = np.log(np.where(self.log, self.low + self.offset, 1.0))
        return low, np.log(np.where(self.log, self.high + self.offset, 1.0))

    def state(self) -> dict[str, Any]:
        """The state as arrays by name."""
        return {"log": self.log, "offset": self.offset, "low": self.low, "high": self.high}

    RULES: ClassVar[StateRules] = StateRules(
        log=Array(bool, ("K",)),
        offset=Array(np.float64, ("K",), low=0.0),
        low=Array(np.float64, ("K",)),
        high=Array(np.float64, ("K",)),
    )

    @classmethod
    def restore(cls, state: Mapping[str, Any], columns: int) -> Scale:
        """The inverse of `state`, for a number of columns K."""
        scale = cls(**cls.RULES.read(state, {"K": columns}))
        require((scale.low <= scale.high).all(), "low must not exceed high.")
        is_positive = (scale.low + scale.offset > 0) | ~scale.log
        require(is_positive.all(), "low plus offset must be positive in logarithmic columns.")
        return scale


def _offset(column: np.ndarray) -> float:
    positive = column[column > 0]
    if not (column <= 0).any():
        return 0.0
    # If there are zeros, the scale is nearly linear up to the median.
    return float(np.median(positive)) if len(positive) else 1.0


def _is_skewed(numbers: np.ndarray) -> bool:
    if len(numbers) < MIN_ROWS or numbers.min() <= 0:
        return False
    skew = _skewness(numbers)
    return skew > MIN_SKEWNESS and abs(_skewness(np.log(numbers))) <= skew / 2


def _skewness(numbers: np.ndarray) -> float:
    deviation = numbers.std()
    # The deviation of a constant may differ from 0 by rounding.
    if deviation <= 1e-12 * np.abs(numbers).max():
        return 0.0
    return float(np.mean(((numbers - numbers.mean()) / deviation) ** 3))
