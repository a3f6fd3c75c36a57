"""The arguments that name a table, shared by several commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from medley.errors import MedleyError

FORMS = (
    "CSV (any delimiter), Parquet, JSON, Feather, Excel; compressed or not; a folder, several files, a pattern, a URL, "
    "- for the standard input, or the URI of a database"
)


def add_table(parser: argparse.ArgumentParser, help: str = FORMS, *, optional: bool = False) -> None:
    """Add the arguments that name a table.

    Args:
        parser: of a command.
        help: what the table holds.
        optional: whether it may be left out.
    """
    parser.add_argument("table", metavar="FILE", nargs="*" if optional else "+", action=_Tables, help=help)
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        default="auto",
        help="whether the first line holds the names of the columns (default: decided by the cells)",
    )
    parser.add_argument(
        "--connection",
        metavar="URI",
        help="a database, such as sqlite:///pets.db; FILE is then a query or the name of a table",
    )


def table_of(args: argparse.Namespace, names: Collection[str] = ()) -> Any:
    """The table that the arguments name, in a form that can be read several times.

    Args:
        args: with the arguments of `add_table`.
        names: columns that the table must have.

    Returns:
        Files that were found, or a query; where there are none, what the user wrote, which cannot be read either.
    """
    from medley.tables.reading.read import source_of

    table = args.table[0] if len(args.table) == 1 else args.table
    try:
        return source_of(table, args.header, args.connection, names)
    except MedleyError:  # reported together with other errors when the table is read
        return table


def name_of(args: argparse.Namespace) -> str:
    """A short name for what is made of a table: the file's, without its endings.

    >>> name_of(argparse.Namespace(table=["data/pets.csv.gz"])), name_of(argparse.Namespace(table=["-"]))
    ('pets', 'table')
    """
    name = Path(re.sub(r"[?*\[].*", "", args.table[0]).rstrip("/")).name
    stem = name.partition(".")[0] or name
    return stem if re.fullmatch(r"\w[\w. -]*", stem) and len(stem) < 60 else "table"


class _Tables(argparse.Action):
    """Takes several files, but not a word that is none: it was meant for an option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        tables = [str(value) for value in values or ()]
        for word in tables[1:]:
            if not Path(word).exists() and not re.search(r"[./*?\[:]", word):
                has_target = "--target" in parser._option_string_actions
                hint = f" To predict a column, write --target {word}" if has_target else ""
                parser.error(f"{word!r} is an unexpected argument.{hint}")
        setattr(namespace, self.dest, tables)
