"""The scale that numbers are fitted on: as they are, or logarithmic. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from medley.errors import DataError

Rule = Literal["auto", "linear", "log"]
RULES = ("auto", "linear", "log")

SKEWED = 1.5  # of a normal distribution it is 0, of an exponential one 2
FARTHEST = 1e15  # its square is still a float32
FEWEST = 50  # rows from which skewness tells more about the numbers than about the sample


@dataclass(frozen=True)
class Scale:
    """Columns of numbers <-> numbers that a squared error suits, by a curve without gaps, ends or infinities.

    A logarithmic column is log(number + offset) between the least and the greatest training number, and goes on as a
    straight line beyond them: so any number has a place, and a wild output stays a number.

    Args:
        log: which columns are logarithmic, (K,) bool.
        offset: what is added before, (K,): 0 where all training numbers are positive.
        low: the least training number, (K,).
        high: the greatest, (K,).

    >>> scale = Scale.learn(np.array([[1.0], [10.0], [100.0]]), "log")
    >>> scale.bend(np.array([[10.0], [0.5], [-3.0]])).round(3).tolist()
    [[2.303], [-0.5], [-4.0]]
    >>> scale.unbend(scale.bend(np.array([[10.0], [0.5], [1e6]]))).tolist()
    [[10.0], [0.5], [1000000.0]]
    """

    log: np.ndarray
    offset: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def learn(cls, numbers: np.ndarray, rule: Rule) -> Scale:
        """The scale of training rows (B, K), NaN where a number is missing.

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
        offset = np.array([_offset(one) for one in numbers.T])
        return cls(np.broadcast_to(is_log, low.shape).copy(), offset, low, high)

    @property
    def is_linear(self) -> bool:
        """Whether numbers stay as they are."""
        return not self.log.any()

    def bend(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (B, K) -> (B, K), NaN for NaN."""
        if self.is_linear:
            return numbers
        inner = np.clip(numbers, self.low, self.high)
        size = np.where(self.log, inner + self.offset, 1.0)
        with np.errstate(over="ignore"):
            beyond = np.clip((numbers - inner) / size, -FARTHEST, FARTHEST)
        return np.where(self.log, np.log(size) + beyond, numbers)

    def unbend(self, bent: np.ndarray) -> np.ndarray:
        """The inverse of `bend`."""
        if self.is_linear:
            return bent
        inner = np.clip(bent, *self.ends)
        size = np.exp(np.where(self.log, inner, 0.0))
        return np.where(self.log, size - self.offset + (bent - inner) * size, bent)

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The bent least and greatest training numbers, (K,) each; 0 where a column stays as it is."""
        low = np.log(np.where(self.log, self.low + self.offset, 1.0))
        return low, np.log(np.where(self.log, self.high + self.offset, 1.0))

    def state(self) -> dict[str, Any]:
        """Arrays by name."""
        return {"log": self.log, "offset": self.offset, "low": self.low, "high": self.high}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Scale:
        """The inverse of `state`."""
        return cls(
            np.asarray(state["log"], bool), *(np.asarray(state[key], float) for key in ("offset", "low", "high"))
        )


def _offset(column: np.ndarray) -> float:
    positive = column[column > 0]
    if not (column <= 0).any():
        return 0.0
    # With zeros among them, numbers up to their median stay nearly as far apart as they are.
    return float(np.median(positive)) if len(positive) else 1.0


def _is_skewed(numbers: np.ndarray) -> bool:
    if len(numbers) < FEWEST or numbers.min() <= 0:
        return False
    skew = _skewness(numbers)
    return skew > SKEWED and abs(_skewness(np.log(numbers))) <= skew / 2


def _skewness(numbers: np.ndarray) -> float:
    spread = numbers.std()
    # What is left of a constant after rounding is no spread.
    if spread <= 1e-12 * np.abs(numbers).max():
        return 0.0
    return float(np.mean(((numbers - numbers.mean()) / spread) ** 3))
