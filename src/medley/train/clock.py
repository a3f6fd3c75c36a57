"""How far a training is, by its steps and by its time."""

from __future__ import annotations

from time import monotonic


class Clock:
    """The fraction of a training that is done.

    Where time runs out before the steps do, the schedule follows the time, so that the last step is still a small one.

    Args:
        deadline: `time.monotonic()` at which the training must be over, or None.
        elapsed: seconds that it ran before this process continued it.

    >>> Clock(None)(0.25)
    0.25
    """

    def __init__(self, deadline: float | None, elapsed: float = 0.0) -> None:
        self.deadline = deadline
        self.started = monotonic() - elapsed

    def __call__(self, fraction: float) -> float:
        """The larger of the fraction of the steps and the fraction of the time; 1 and more: time is over.

        Args:
            fraction: of the steps that are done. At 0 it is 0 whatever the time: some network is better than none.
        """
        if self.deadline is None or not fraction:
            return fraction
        return max(fraction, self.elapsed() / max(self.deadline - self.started, 1e-3))

    def elapsed(self) -> float:
        """Seconds of training so far."""
        return monotonic() - self.started
