"""What the time that a user gives is spent on: the one place that knows the clock before a training begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

RESERVE_FRACTION, RESERVE_SECONDS = 0.04, 0.5
"""Of the time limit, kept for the last validation, the choice of members, and saving."""

LINEAR_FRACTION = 0.35
"""Of the time left, what linear models may take before the network's training begins."""

ENCODER_FRACTION = 0.75
"""Of the time left, what the epochs of the first trial may take."""

LEAST_EPOCHS = 10
"""Epochs that the first trial should manage; encodings are made small enough for that."""


@dataclass(frozen=True)
class Budget:
    """A time limit that is running.

    Args:
        limit: seconds, or None for no limit.
        began: `time.monotonic()` at which it began.

    >>> Budget(None, 0.0).left is None
    True
    """

    limit: float | None
    began: float

    @classmethod
    def start(cls, limit: float | None) -> Budget:
        """A budget that begins now."""
        return cls(limit, monotonic())

    @property
    def deadline(self) -> float | None:
        """`time.monotonic()` at which all must be over."""
        return None if self.limit is None else self.began + self.limit

    @property
    def training_deadline(self) -> float | None:
        """`time.monotonic()` at which training must be over, so that what follows it still has its time."""
        if self.limit is None:
            return None
        return self.began + self.limit * (1 - RESERVE_FRACTION) - min(RESERVE_SECONDS, self.limit / 10)

    @property
    def left(self) -> float | None:
        """Seconds until training must be over; None without a limit."""
        return None if self.training_deadline is None else max(self.training_deadline - monotonic(), 0.1)

    @property
    def linear_seconds(self) -> Callable[[], float] | None:
        """What linear models may take, asked when they are fitted; None without a limit."""
        return None if self.limit is None else lambda: (self.left or 0.0) * LINEAR_FRACTION

    def seconds_per_row(self, rows: int) -> float:
        """Seconds that one row may take in each epoch, so that the first trial has `LEAST_EPOCHS` epochs.

        Without a limit, those of an hour.

        >>> round(Budget(None, 0.0).seconds_per_row(27_000), 4)
        0.01
        """
        left = 3600.0 if self.left is None else self.left
        return left * ENCODER_FRACTION / LEAST_EPOCHS / max(rows, 1)
