"""A progress bar, on a terminal or in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from time import monotonic
from typing import Any

REDRAW_SECONDS = 0.5


@contextmanager
def progress_bar(label: str, total: int | None, *, is_shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Shows progress on a terminal, with the remaining time, or in a notebook; it is removed at the end.

    Args:
        label: the text before the bar.
        total: the total number of rows or steps; None if unknown.
        is_shown: whether it is wanted.

    Yields:
        A function to call with the number of newly finished rows.
    """
    if is_shown and in_notebook():
        bar = _NotebookBar(label, total)
        try:
            yield bar.advance
        finally:
            bar.close()
        return
    if not is_shown or not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda rows: progress.update(task, advance=rows)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def notebook_bar(label: str, done: int, total: int | None) -> str:
    """A bar as HTML; needs no widgets.

    >>> notebook_bar("trials", 1, 2)
    '<div><progress value="1" max="2" aria-label="trials"></progress> trials 1 of 2</div>'
    """
    known = "" if total is None else f' value="{done}" max="{max(total, 1)}"'
    count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
    return f'<div><progress{known} aria-label="{escape(label)}"></progress> {escape(label)} {count}</div>'


class _NotebookBar:
    def __init__(self, label: str, total: int | None) -> None:
        from IPython.display import HTML, display

        self._label, self._total, self._done, self._drawn = label, total, 0, 0.0
        self._html: Any = HTML
        self._handle: Any = display(HTML(""), display_id=True)

    def advance(self, rows: int) -> None:
        self._done += rows
        if monotonic() - self._drawn > REDRAW_SECONDS:
            self._drawn = monotonic()
            self._handle.update(self._html(notebook_bar(self._label, self._done, self._total)))

    def close(self) -> None:
        self._handle.update(self._html(""))
