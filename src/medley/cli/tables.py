"""Printing tables, on a terminal or as plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medley.model.description import Section

_PIPE_WIDTH = 10_000


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Print a table.

    Args:
        title: the line above the table.
        columns: the names of the columns.
        rows: one cell per column; None is printed as an empty cell.
        right: the columns that are right-aligned, such as numbers.

    On a terminal, cells are wrapped to its width; otherwise every row is one line, so that other programs can read it.
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    table = Table(box=SIMPLE if terminal else None, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    if terminal:
        Console().print(Text(title, style="bold"), table, "", sep="\n")
        return
    console = Console(width=_PIPE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    print("\n".join([title, *lines]), end="\n\n")


def show_sections(sections: Iterable[Section]) -> None:
    """Print the sections of a description.

    Args:
        sections: tables and lines.
    """
    for section in sections:
        if section.columns:
            show_table(section.title, section.columns, section.rows, right=section.right)
        for line in section.lines:
            print(f"{line}\n")
