"""How the progress of a search is drawn: bars and a curve, on a terminal or in a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any

from medley.core.progress_bar import notebook_bar

if TYPE_CHECKING:
    from rich.progress import TaskID

LEVELS = "▁▂▃▄▅▆▇█"
WIDTH = 40
REDRAW_SECONDS = {"terminal": 0.1, "notebook": 0.5}


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Values as a line of blocks, the highest as tall as a letter; the lowest of neighbours where there are too many.

    >>> sparkline([1.0, 0.5, 0.75, 0.0]), sparkline([2.0])
    ('█▅▆▁', '▁')
    """
    finite = [value for value in values if isfinite(value)]
    if len(finite) > width:
        edges = [round(place * len(finite) / width) for place in range(width + 1)]
        finite = [min(finite[start:stop]) for start, stop in pairwise(edges)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    steps = len(LEVELS) - 1
    return "".join(LEVELS[round((value - low) / (high - low) * steps) if high > low else 0] for value in finite)


class ProgressView(ABC):
    """Bars of trials and of the steps of the current one, and the curves of both.

    Args:
        trials: maximum number of trials.
        unit: the noun for one training.
        redraw_seconds: the least time between two drawings of the steps.
    """

    def __init__(self, trials: int, unit: str, redraw_seconds: float) -> None:
        self.trials, self.unit = trials, unit
        self.finished, self.label, self.done, self.total = 0, "steps", 0, 0
        self.scores: list[float] = []
        self.epochs: list[float] = []
        self._redraw_seconds, self._drawn = redraw_seconds, 0.0

    def begin(self, label: str) -> None:
        """A training begins, or work on rows."""
        self.label, self.done, self.total, self.epochs = label, 0, 0, []
        self.draw()

    def advance(self, done: int, total: int, label: str | None = None) -> None:
        """Shows finished steps, as often as can be seen."""
        self.done, self.total, self.label = done, total, label or self.label
        now = monotonic()
        if now - self._drawn > self._redraw_seconds:
            self._drawn = now
            self.draw()

    def add_epoch(self, score: float) -> None:
        """Adds an epoch to the curve of the current trial."""
        self.epochs.append(score)
        self.draw()

    def end(self, finished: int, score: float) -> None:
        """Adds a finished trial to the curve of the search."""
        self.finished = finished
        self.scores.append(score)
        self.draw()

    def curves(self) -> list[str]:
        """The curves as text: the score by trial, and that of the current trial by epoch; lower is better."""
        lines = []
        for name, values in ((f"{self.unit}s", self.scores), (self.label, self.epochs)):
            finite = [value for value in values if isfinite(value)]
            if len(finite) > 1:
                best = min(finite)
                lines.append(f"{name}: score {finite[0]:.4g} {sparkline(finite)} {finite[-1]:.4g}, best {best:.4g}")
        return lines

    @abstractmethod
    def log(self, line: str) -> None:
        """Prints a line that stays."""

    @abstractmethod
    def draw(self) -> None:
        """Draws what has changed."""

    @abstractmethod
    def close(self) -> None:
        """Removes the bars."""


class TerminalView(ProgressView):
    """Bars and curves on a terminal, below the lines that stay."""

    def __init__(self, trials: int, unit: str) -> None:
        super().__init__(trials, unit, REDRAW_SECONDS["terminal"])
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        view = self

        class Bars(Progress):
            def get_renderables(self) -> Any:
                yield from super().get_renderables()
                yield from view.curves()

        self._bars = Bars(*columns, Remaining(), console=Console(stderr=True), transient=True)
        self._trials: TaskID = self._bars.add_task(f"{unit}s", total=trials)
        self._steps: TaskID = self._bars.add_task("steps", total=None)
        self._bars.start()

    def log(self, line: str) -> None:
        self._bars.console.print(line, highlight=False)

    def begin(self, label: str) -> None:
        super().begin(label)
        self._bars.reset(self._steps, description=label, total=None)

    def draw(self) -> None:
        self._bars.update(self._trials, completed=self.finished)
        self._bars.update(self._steps, description=self.label, completed=self.done, total=self.total or None)

    def close(self) -> None:
        self._bars.stop()


class NotebookView(ProgressView):
    """Bars and curves below the cell of a notebook; needs no widgets."""

    def __init__(self, trials: int, unit: str) -> None:
        super().__init__(trials, unit, REDRAW_SECONDS["notebook"])
        from IPython.display import HTML, display

        self._html: Any = HTML
        self._handle: Any = display(HTML(""), display_id=True)

    def log(self, line: str) -> None:
        print(line, flush=True)

    def draw(self) -> None:
        bars = notebook_bar(f"{self.unit}s", self.finished, self.trials) + notebook_bar(
            self.label, self.done, self.total
        )
        curves = "".join(f"<div>{escape(line)}</div>" for line in self.curves())
        self._handle.update(self._html(f'<div style="font-family:monospace">{bars}{curves}</div>'))

    def close(self) -> None:
        self._handle.update(self._html(""))
