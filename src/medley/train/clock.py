"""Progress of a training, by steps and by time."""

from __future__ import annotations

from time import monotonic

MAX_LAG = 0.1
"""Fraction of the time by which the steps of a training may lag behind before the schedule follows the time."""


class Clock:
    """Returns the progress of a training as a fraction.

    Progress is measured in steps, so that a training with the same number of epochs is the same on any machine. Only
    if the steps lag behind the time by more than `MAX_LAG`, progress is measured by time, so that the learning rate has
    decreased when time is over.

    Args:
        deadline: `time.monotonic()` at which the training must be over, or None.
        elapsed: seconds of training before it was resumed.

    >>> Clock(None)(0.25)
    0.25
    """

    def __init__(self, deadline: float | None, elapsed: float = 0.0) -> None:
        self.deadline = deadline
        self.start_time = monotonic() - elapsed

    def __call__(self, fraction: float) -> float:
        """The progress of the training; 1 or more if time is over.

        Args:
            fraction: fraction of steps that are done. For 0, the result is 0 even if time is over, so that at least one
                step runs.
        """
        if self.deadline is None or not fraction:
            return fraction
        time_fraction = self.elapsed() / max(self.deadline - self.start_time, 1e-3)
        return time_fraction if time_fraction >= 1 else max(fraction, time_fraction - MAX_LAG)

    def elapsed(self) -> float:
        """Seconds of training so far."""
        return monotonic() - self.start_time
