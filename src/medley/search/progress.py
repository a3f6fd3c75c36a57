"""What a search shows while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from medley.model.records import Record
from medley.search.trial import TrialResult

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Progress:
    """Bars with the time left on a terminal; a line per trial, and per epoch at verbose=2, anywhere else.

    Args:
        verbose: 0 shows nothing, 1 bars and a line per trial, 2 a line per epoch too.
        unit: what one round is called ("trial").
    """

    def __init__(self, verbose: int = 1, unit: str = "trial") -> None:
        self.verbose = verbose
        self.unit = unit
        self._bars: Bars | None = None
        self._all: TaskID | None = None
        self._one: TaskID | None = None
        self._trials = 1
        self._epochs = 1
        self._steps = 0
        self._drawn = 0.0
        self._working = ""
        self._began = 0.0
        self._has_planned = False

    def say(self, line: str) -> None:
        """Prints a line above the bars."""
        if self.verbose:
            self._bars.console.print(line, highlight=False) if self._bars else print(line, flush=True)

    def share(self, what: str, done: int, total: int) -> None:
        """Shows on a terminal, in one line, how much of something is done; the line goes as it is."""
        if not self.verbose or not sys.stderr.isatty() or self._bars:
            return
        now = monotonic()
        if done >= total or now - self._drawn > 0.5:
            self._drawn = now
            line = "" if done >= total else f"{what}: {done:,} of {total:,} rows ({done / total:.0%})"
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    @contextmanager
    def running(self, trials: int, epochs: int, deadline: float | None) -> Iterator[None]:
        """Shows bars while the search runs.

        Args:
            trials: how many there may be.
            epochs: of each.
            deadline: `time.monotonic()` at which it ends, or None.
        """
        self._trials, self._epochs = trials, epochs
        if not self.verbose or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Bars(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:
            self._bars = bars
            self._all = bars.add_task(f"{self.unit}s", total=trials)
            self._one = bars.add_task("steps", total=None)
            try:
                yield
            finally:
                self._bars = None

    def begin(self, number: int) -> None:
        """A trial begins."""
        self._steps = 0
        if self._bars and self._one is not None:
            self._bars.reset(self._one, description=f"{self.unit} {number}", total=None)

    def plan(self, epochs: int, wanted: int) -> None:
        """A trial's training has this many epochs, of those that it would have without a time limit."""
        self._epochs = epochs
        if epochs < wanted and not self._has_planned:
            self._has_planned = True
            times = wanted / epochs
            self.say(f"{epochs} of {wanted} epochs fit into the time limit; {times:.1f} times the limit would fit all")

    def step(self, total: int) -> None:
        """A step has been done; drawn ten times a second at most."""
        self._steps += 1
        if self._bars is None or self._one is None:
            return
        now = monotonic()
        if now - self._drawn > 0.1:
            self._drawn = now
            self._bars.update(self._one, completed=self._steps, total=total)

    def work(self, name: str, done: int, total: int) -> None:
        """Work before the training goes on: `done` of `total` rows have been through the part of this name."""
        now = monotonic()
        if self._working != name:
            self._working, self._began, self._drawn = name, now, now
        if self._bars is not None and self._one is not None:
            self._bars.update(self._one, description=f"{name}, once", completed=done, total=total)
        elif now - self._drawn > 30 and done < total:
            self._drawn = now
            self.say(f"{name}: run over {done:,} of {total:,} rows")
        if done == total:
            self._working = ""
            if now - self._began > 1:
                self.say(f"{name}: run once over {total:,} rows in {now - self._began:.0f} s")
            if self._bars is not None and self._one is not None:
                self._bars.reset(self._one, description="steps", total=None)

    def record(self, record: Record, score: float) -> None:
        """An epoch has ended."""
        if self.verbose >= 2:
            told = "  ".join(f"{name} {value:.4f}" for name, value in record.flat().items())
            self.say(f"epoch {record.epoch + 1}/{self._epochs}  {record.seconds:.1f} s  {told}")

    def end(self, result: TrialResult, best: TrialResult | None) -> None:
        """A trial has ended."""
        if self._bars and self._all is not None:
            self._bars.update(self._all, completed=result.number + 1)
        score = "" if result.state == "failed" else f"  score {result.score:.4f}"
        why = f"  ({result.reason})" if result.reason and result.reason != result.state else ""
        star = f"  best so far: {self.unit} {best.number} at {best.score:.4f}" if best else ""
        # Trials are numbered from 0 as in the history; how many are done is told beside it.
        head = f"{self.unit} {result.number} ({result.number + 1}/{self._trials}): {result.state}"
        self.say(f"{head}{score}  {len(result.records)} epochs, {result.seconds:.1f} s{why}{star}")
