"""A progress bar with the remaining time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(label: str, total: int | None, *, is_shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal; nothing if the output is not a terminal.

    Args:
        label: the text before the bar.
        total: the total number of rows; None if unknown.
        is_shown: whether it is wanted.

    Yields:
        A function to call with the number of newly finished rows.
    """
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
