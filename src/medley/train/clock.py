"""How far a training is, by its steps and by its time."""

from __future__ import annotations

from time import monotonic

SLACK = 0.1
"""Of the time, how far a training may be behind its plan."""


class Clock:
    """The fraction of a training that is done.

    The schedule follows the steps, so that a training with the same number of epochs is the same on any machine. Only
    where it is a tenth behind the time it follows the time, so that the last step is still a small one.

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
        """The fraction of the steps, or, if that is more, of the time less a tenth; 1 and more: time is over.

        Args:
            fraction: of the steps that are done. At 0 it is 0 whatever the time: some network is better than none.
        """
        if self.deadline is None or not fraction:
            return fraction
        passed = self.elapsed() / max(self.deadline - self.started, 1e-3)
        return passed if passed >= 1 else max(fraction, passed - SLACK)

    def elapsed(self) -> float:
        """Seconds of training so far."""
        return monotonic() - self.started
