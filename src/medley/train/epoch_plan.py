"""The planned number of epochs of a training, which may grow while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

LEAST_GROWTH = 1.1
"""The number of epochs grows only if at least so many times as many fit into the time."""

LATEST_GROWTH = 0.5
"""Part of a training after which the number of epochs does not grow: the learning rate is already decreasing."""


@dataclass
class EpochPlan:
    """The planned number of epochs, and the progress of the learning-rate schedule.

    The time of an epoch is measured before the first step. If another process took the processor's time just then, too
    few epochs are planned, and their number grows later. The schedule is continuous there: the rest of it is spread
    over more epochs.

    Args:
        epochs: planned number of epochs.
        growth: for every time that this number grew, in order: epochs that were done, and the number planned before.

    >>> plan = EpochPlan(10)
    >>> plan.grow(2, 22)
    >>> plan
    EpochPlan(epochs=22, growth=[(2, 10)])
    >>> [round(plan.progress(step, 100), 2) for step in (0, 200, 1_200, 2_200)]
    [0.0, 0.2, 0.6, 1.0]
    """

    epochs: int = 0
    growth: list[tuple[int, int]] = field(default_factory=list)

    @property
    def first_epochs(self) -> int:
        """The number of epochs that was planned before the first step."""
        return self.growth[0][1] if self.growth else self.epochs

    def progress(self, step: int, steps_per_epoch: int) -> float:
        """The progress of the schedule before a step, from 0 to 1.

        Args:
            step: number of steps before it.
            steps_per_epoch: number of steps per epoch.
        """
        start, done = 0, 0.0
        for end, epochs in self.growth:
            if step <= end * steps_per_epoch:
                return done + (1 - done) * (step - start * steps_per_epoch) / ((epochs - start) * steps_per_epoch)
            done += (1 - done) * (end - start) / (epochs - start)
            start = end
        return done + (1 - done) * (step - start * steps_per_epoch) / ((self.epochs - start) * steps_per_epoch)

    def grow(self, done: int, epochs: int) -> None:
        """Raises the planned number of epochs.

        Args:
            done: number of epochs so far.
            epochs: new number.
        """
        self.growth.append((done, self.epochs))
        self.epochs = epochs

    def can_grow(self, done: int, epochs: float) -> bool:
        """Whether the number of epochs should grow.

        Args:
            done: number of epochs so far.
            epochs: number of epochs that fit into the time, with those that are done.
        """
        return self.progress(done, 1) < LATEST_GROWTH and int(epochs) >= self.epochs * LEAST_GROWTH


def as_growth(pairs: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Pairs of whole numbers, as they are read from JSON, as `EpochPlan.growth`.

    Raises:
        ValueError: they are not pairs of whole numbers that increase from pair to pair.

    >>> as_growth([[2, 10], [4, 22]])
    ((2, 10), (4, 22))
    """
    growth = tuple((int(done), int(epochs)) for done, epochs in pairs)
    ends = [0, *(done for done, _ in growth)]
    totals = [epochs for _, epochs in growth]
    if ends != sorted(set(ends)) or totals != sorted(set(totals)) or any(done >= epochs for done, epochs in growth):
        raise ValueError(f"not pairs of increasing numbers: {pairs!r}")
    return growth
