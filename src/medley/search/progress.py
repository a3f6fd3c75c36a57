"""Progress of a search: bars on a terminal, or lines of text."""

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
    """Shows progress: on a terminal, bars with the time left; elsewhere, lines of text.

    Args:
        verbose: 0 shows nothing; 1 bars, and a line per trial; 2 also a line per epoch.
        unit: the noun for one training ("trial").
    """

    def __init__(self, verbose: int = 1, unit: str = "trial") -> None:
        self.verbose = verbose
        self.unit = unit
        self._bars: Bars | None = None
        self._total: TaskID | None = None
        self._current: TaskID | None = None
        self._trials = 1
        self._epochs = 1
        self._steps = 0
        self._drawn = 0.0
        self._work_name = ""
        self._work_start = 0.0
        self._has_planned = False

    def log(self, line: str) -> None:
        """Prints a line above the bars."""
        if self.verbose:
            self._bars.console.print(line, highlight=False) if self._bars else print(line, flush=True)

    def show_rows(self, name: str, done: int, total: int) -> None:
        """Shows the progress of work on rows in one line of a terminal, which is erased at the end.

        Args:
            name: of the work.
            done: number of finished rows.
            total: number of all rows.
        """
        if not self.verbose or not sys.stderr.isatty() or self._bars:
            return
        now = monotonic()
        if done >= total or now - self._drawn > 0.5:
            self._drawn = now
            line = "" if done >= total else f"{name}: {done:,} of {total:,} rows ({done / total:.0%})"
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    @contextmanager
    def running(self, trials: int, epochs: int, deadline: float | None) -> Iterator[None]:
        """Shows bars while the search runs.

        Args:
            trials: maximum number of trials.
            epochs: of each trial.
            deadline: `time.monotonic()` at which the search ends, or None.
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
            self._total = bars.add_task(f"{self.unit}s", total=trials)
            self._current = bars.add_task("steps", total=None)
            try:
                yield
            finally:
                self._bars = None

    def begin(self, number: int) -> None:
        """Shows that a trial begins."""
        self._steps = 0
        if self._bars and self._current is not None:
            self._bars.reset(self._current, description=f"{self.unit} {number}", total=None)

    def show_plan(self, epochs: int, planned: int) -> None:
        """Shows how many epochs fit into the time limit.

        Args:
            epochs: of this trial.
            planned: epochs without a time limit.
        """
        self._epochs = epochs
        if epochs < planned and not self._has_planned:
            self._has_planned = True
            times = planned / epochs
            self.log(f"{epochs} of {planned} epochs fit into the time limit; {times:.1f} times the limit would fit all")

    def step(self, total: int) -> None:
        """Counts a finished training step; drawn at most ten times per second."""
        self._steps += 1
        if self._bars is None or self._current is None:
            return
        now = monotonic()
        if now - self._drawn > 0.1:
            self._drawn = now
            self._bars.update(self._current, completed=self._steps, total=total)

    def work(self, name: str, done: int, total: int) -> None:
        """Shows the progress of work before a training: running a frozen part over all rows.

        Args:
            name: of the part.
            done: number of finished rows.
            total: number of all rows.
        """
        now = monotonic()
        if self._work_name != name:
            self._work_name, self._work_start, self._drawn = name, now, now
        if self._bars is not None and self._current is not None:
            self._bars.update(self._current, description=f"{name}, once", completed=done, total=total)
        elif now - self._drawn > 30 and done < total:
            self._drawn = now
            self.log(f"{name}: run over {done:,} of {total:,} rows")
        if done == total:
            self._work_name = ""
            if now - self._work_start > 1:
                self.log(f"{name}: run once over {total:,} rows in {now - self._work_start:.0f} s")
            if self._bars is not None and self._current is not None:
                self._bars.reset(self._current, description="steps", total=None)

    def record(self, record: Record, score: float) -> None:
        """Shows the scores of an epoch."""
        if self.verbose >= 2:
            values = "  ".join(f"{name} {value:.4f}" for name, value in record.flat().items())
            self.log(f"epoch {record.epoch + 1}/{self._epochs}  {record.seconds:.1f} s  {values}")

    def end(self, result: TrialResult, best: TrialResult | None) -> None:
        """Shows the result of a trial, and the best result so far."""
        if self._bars and self._total is not None:
            self._bars.update(self._total, completed=result.number + 1)
        score = "" if result.state == "failed" else f"  score {result.score:.4f}"
        reason = f"  ({result.reason})" if result.reason and result.reason != result.state else ""
        star = f"  best so far: {self.unit} {best.number} at {best.score:.4f}" if best else ""
        # Trials are numbered from 0 as in the history; the number of finished trials is shown beside it.
        title = f"{self.unit} {result.number} ({result.number + 1}/{self._trials}): {result.state}"
        self.log(f"{title}{score}  {len(result.records)} epochs, {result.seconds:.1f} s{reason}{star}")
