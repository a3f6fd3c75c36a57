"""Progress of a search: bars on a terminal or in a notebook, lines of text elsewhere; all of it is logged, too."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from medley.core.log import LOGGER
from medley.core.progress_bar import in_notebook
from medley.model.records import Record
from medley.search.progress_views import NotebookView, ProgressView, TerminalView
from medley.search.trial import TrialResult


class Progress:
    """Shows progress: on a terminal or in a notebook, bars with curves; elsewhere, lines of text.

    Lines are logged to the logger "medley" as well, whatever `verbose` is.

    Args:
        verbose: 0 shows nothing; 1 bars, and a line per trial; 2 also a line per epoch.
        unit: the noun for one training ("trial").
    """

    def __init__(self, verbose: int = 1, unit: str = "trial") -> None:
        self.verbose = verbose
        self.unit = unit
        self._view: ProgressView | None = None
        self._trials = 1
        self._epochs = 1
        self._steps = 0
        self._drawn = 0.0
        self._work_name = ""
        self._work_start = 0.0
        self._has_planned = False

    def log(self, line: str) -> None:
        """Shows a line above the bars, and logs it."""
        self._show(line, logging.INFO, verbose=1)

    def _show(self, line: str, level: int, *, verbose: int) -> None:
        LOGGER.log(level, "%s", line)
        if self.verbose < verbose:
            return
        if self._view is not None:
            self._view.log(line)
        else:
            print(line, flush=True)

    def show_rows(self, name: str, done: int, total: int) -> None:
        """Shows the progress of work on rows in one line of a terminal, which is erased at the end.

        Args:
            name: of the work.
            done: number of finished rows.
            total: number of all rows.
        """
        if not self.verbose or not sys.stderr.isatty() or self._view is not None:
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
        kind = NotebookView if in_notebook() else TerminalView if sys.stderr.isatty() else None
        if not self.verbose or kind is None:
            yield
            return
        self._view = kind(trials, self.unit)
        try:
            yield
        finally:
            self._view.close()
            self._view = None

    def begin(self, number: int) -> None:
        """Shows that a trial begins."""
        self._steps = 0
        if self._view is not None:
            self._view.begin(f"{self.unit} {number}")

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
        """Counts a finished training step."""
        self._steps += 1
        if self._view is not None:
            self._view.advance(self._steps, total)

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
        if self._view is not None:
            self._view.advance(done, total, f"{name}, once")
        elif now - self._drawn > 30 and done < total:
            self._drawn = now
            self.log(f"{name}: run over {done:,} of {total:,} rows")
        if done == total:
            self._work_name = ""
            if now - self._work_start > 1:
                self.log(f"{name}: run once over {total:,} rows in {now - self._work_start:.0f} s")
            if self._view is not None:
                self._view.begin("steps")

    def record(self, record: Record, score: float) -> None:
        """Shows the scores of an epoch."""
        values = "  ".join(f"{name} {value:.4f}" for name, value in record.flat().items())
        line = f"epoch {record.epoch + 1}/{self._epochs}  {record.seconds:.1f} s  {values}"
        self._show(line, logging.DEBUG, verbose=2)
        if self._view is not None and record.val:
            self._view.add_epoch(score)

    def end(self, result: TrialResult, best: TrialResult | None) -> None:
        """Shows the result of a trial, and the best result so far."""
        if self._view is not None:
            self._view.end(result.number + 1, result.score)
        score = "" if result.state == "failed" else f"  score {result.score:.4f}"
        reason = f"  ({result.reason})" if result.reason and result.reason != result.state else ""
        star = f"  best so far: {self.unit} {best.number} at {best.score:.4f}" if best else ""
        # Trials are numbered from 0 as in the history; the number of finished trials is shown beside it.
        title = f"{self.unit} {result.number} ({result.number + 1}/{self._trials}): {result.state}"
        self.log(f"{title}{score}  {len(result.records)} epochs, {result.seconds:.1f} s{reason}{star}")
