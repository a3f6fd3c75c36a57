"""What is reported of a table before the search: inputs and targets, unparsed cells, leaks, unreadable files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from medley.auto.table.design import TableDesign
from medley.errors import DataError, listing, spelled, warn
from medley.search.progress import Progress
from medley.tables.checks.leaks import leaks
from medley.tables.columns.unreadable import describe_expected
from medley.tables.reading.read import Table

MAX_ERRORS = 10


def report_design(design: TableDesign, progress: Progress) -> None:
    """Logs the tasks of targets, the columns of inputs, and the columns that are left out."""
    for name, task in design.tasks.items():
        progress.log(f"target {name}: {task.kind} ({task.reason})")
    for feed in design.view.feeds:
        columns = [f"{name} ({design.view.schema[name].kind})" for name in feed.columns]
        progress.log(f"input {feed.name}: {listing(columns, 'see `medley inspect`')}")
    by_reason: dict[str, list[str]] = {}
    for name, reason in design.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        progress.log(f"left out {listing(names, 'see `medley inspect`')}: {reason}")
    if design.missing:
        phrases = [f"{name}: {phrase}" for name, phrase in design.missing.items()]
        progress.log(f"{listing(phrases, 'see `medley inspect`')} ({spelled('missing_values')} overrules)")


def report_unparsed(unparsed: Mapping[str, tuple[int, int]], design: TableDesign, progress: Progress) -> None:
    """Logs the cells that cannot be parsed.

    Args:
        unparsed: column -> number of these cells, and the row of the first one.
        design: contains the kinds of the columns.
        progress: logs.
    """
    for name, (count, first) in unparsed.items():
        kind = describe_expected(design.view.schema, name)
        counted = "1 cell cannot be parsed as" if count == 1 else f"{count:,} cells cannot be parsed as"
        cells = f"{counted} a {kind} and {'counts' if count == 1 else 'count'} as missing"
        progress.log(f"{name}: {cells}, the first in row {first}")


def warn_of_leaks(table: Table, design: TableDesign) -> dict[str, Any]:
    """Warns of columns that determine a target; returns them as JSON."""
    required = set(design.view.required)
    target_leaks = [leak for leak in leaks(table, design.view.schema, design.tasks) if leak.column in required]
    for leak in target_leaks:
        unused = spelled("column_kinds", {leak.column: "unused"})
        warn(f"{leak} If it is not known when you predict, leave it out: {unused}.")
    return {"leaks": [{"column": leak.column, "target": leak.target, "how": leak.relation} for leak in target_leaks]}


def unreadable_rows(table: Table, design: TableDesign) -> set[int]:
    """Positions of the rows with a file that cannot be read."""
    return {row for _, reasons in _unreadable(table, design) for row in reasons}


def check_files_are_readable(table: Table, design: TableDesign) -> None:
    """Checks the files of all rows.

    Raises:
        DataError: files cannot be read; lists them.
    """
    unreadable = [
        f"- {name}, {reason}"
        for name, reasons in _unreadable(table, design)
        for row in sorted(reasons)
        for reason in reasons[row]
    ]
    if unreadable:
        count = len(unreadable)
        more = [f"- and {count - MAX_ERRORS} more"] if count > MAX_ERRORS else []
        noun = "file" if count == 1 else "files"
        title = f"{count} {noun} cannot be read; {spelled('on_bad_file', 'warn')} treats them as missing."
        raise DataError("\n".join([title, *unreadable[:MAX_ERRORS], *more]))


def _unreadable(table: Table, design: TableDesign) -> Iterator[tuple[str, Mapping[int, Sequence[str]]]]:
    """Inputs whose columns contain paths, each with its unreadable rows and the reasons."""
    files = set(design.view.files)
    names = [feed.name for feed in design.view.feeds if files & set(feed.columns)]
    for name, rows in design.view.only(names).x(table).items():
        block = next(block for block in design.inputs if block.name == name)
        yield name, block.codec().unreadable_rows(rows)
