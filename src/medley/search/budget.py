"""The time limit of a call, and how it is divided between the steps before and during training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

RESERVE_FRACTION, RESERVE_SECONDS = 0.04, 0.5
"""Fraction of the time limit, and maximum seconds, reserved for the last validation and for saving."""

LINEAR_FRACTION = 0.35
"""Fraction of the remaining time that linear models may take before the network is trained."""

ENCODER_FRACTION = 0.75
"""Fraction of the remaining time for the epochs of the first trial."""

PRETRAINED_FRACTION = 0.5
"""Fraction of the remaining time that pretrained encoders may take to run over all rows once."""

MIN_EPOCHS, MAX_MIN_EPOCHS, MIN_SEEN_ROWS = 10, 25, 30_000
"""Epochs that the first trial should complete: at least 10, and so many that it sees 30,000 rows, but no more than 25.
Encodings are made small enough for that."""


@dataclass(frozen=True)
class Budget:
    """A running time limit.

    Args:
        limit: seconds, or None for no limit.
        start_time: `time.monotonic()` at which it started.

    >>> Budget(None, 0.0).time_left is None
    True
    """

    limit: float | None
    start_time: float

    @classmethod
    def start(cls, limit: float | None) -> Budget:
        """Starts a time limit now."""
        return cls(limit, monotonic())

    @property
    def deadline(self) -> float | None:
        """`time.monotonic()` at which everything must be over."""
        return None if self.limit is None else self.start_time + self.limit

    @property
    def training_deadline(self) -> float | None:
        """`time.monotonic()` at which training must be over, so that there is time for the steps after it."""
        if self.limit is None:
            return None
        return self.start_time + self.limit * (1 - RESERVE_FRACTION) - min(RESERVE_SECONDS, self.limit / 10)

    @property
    def time_left(self) -> float | None:
        """Seconds until training must be over; None without a limit."""
        return None if self.training_deadline is None else max(self.training_deadline - monotonic(), 0.1)

    @property
    def elapsed(self) -> float:
        """Seconds since it started."""
        return monotonic() - self.start_time

    @property
    def linear_seconds(self) -> Callable[[], float] | None:
        """Returns, when called, the seconds that linear models may take; None without a limit."""
        return None if self.limit is None else lambda: (self.time_left or 0.0) * LINEAR_FRACTION

    def seconds_per_row(self, rows: int) -> float:
        """Seconds that one row may take per epoch, so that the first trial completes enough epochs (`MIN_EPOCHS`).

        Without a limit, computed as for one hour.

        Args:
            rows: number of training rows.

        >>> round(Budget(None, 0.0).seconds_per_row(27_000), 4)
        0.01
        """
        seconds = 3600.0 if self.time_left is None else self.time_left
        epochs = max(MIN_EPOCHS, min(MAX_MIN_EPOCHS, MIN_SEEN_ROWS // max(rows, 1)))
        return seconds * ENCODER_FRACTION / epochs / max(rows, 1)
