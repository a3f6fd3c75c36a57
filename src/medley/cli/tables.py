"""Tables on a terminal, or as plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medley.model.description import Section

_ENDLESS = 10_000


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Prints a table.

    Args:
        title: what stands above it.
        columns: their names.
        rows: cells, as many per row as there are columns; None is left empty.
        right: the columns that are aligned at their right edge, as numbers are.

    A terminal's width is kept, by breaking cells; in a pipe every row is one line, so that other programs can read it.
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
    console = Console(width=_ENDLESS)
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    print("\n".join([title, *lines]), end="\n\n")


def show_sections(sections: Iterable[Section]) -> None:
    """Prints a description.

    Args:
        sections: of a model.
    """
    for one in sections:
        if one.columns:
            show_table(one.title, one.columns, one.rows, right=one.right)
        for line in one.lines:
            print(f"{line}\n")
