"""`medley inspect`: what each column of a table holds, and which columns leak a target."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medley.cli.memory import add_memory, memory_of
from medley.cli.tables import show_table
from medley.errors import DataError, ErrorCollector, MedleyError, did_you_mean

if TYPE_CHECKING:
    from medley.core.column import ColumnGuess, TaskGuess
    from medley.tables.columns.schema import Schema
    from medley.tables.reading.read import Table

_EXAMPLES = """\
examples:
  medley inspect pets.csv
  medley inspect pets.csv --target breed --target price
  medley inspect pets.csv --root photos --kind postcode=category --kind note=text
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "table", metavar="FILE", help="CSV (any delimiter, packed or not), Parquet, JSON lines, Feather, or a folder"
    )
    add_table_arguments(parser)
    add_memory(parser)


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what says how a table is read."""
    parser.add_argument(
        "--target", metavar="NAME", action="append", default=[], help="a column to predict; may be given several times"
    )
    parser.add_argument("--root", metavar="DIR", help="where relative paths in cells count from; else beside the table")
    parser.add_argument(
        "--kind",
        metavar="COLUMN=KIND",
        action="append",
        default=[],
        help="where a guess is wrong: number, category, boolean, text, image, time, vector, set, ..., unused",
    )


def run(args: argparse.Namespace) -> None:
    """Prints the guesses, the tasks of the targets, and the columns that leak them.

    Raises:
        DataError: there is no such table; a column or kind is unknown, a column cannot be what `--kind` says, or a
            target cannot be predicted; all errors at once.
    """
    errors = ErrorCollector()
    kinds = column_kinds(args.kind, errors)
    table = _table(args.table, args.root, memory_of(args.memory, errors))
    tasks = tasks_of(table, args.target, kinds, errors)
    schema = _schema(table, {name: kind for name, kind in kinds.items() if name not in args.target}, errors)
    errors.raise_if_any(DataError)
    for note in table.notes:
        print(f"note: {note}\n")
    _show_columns(table, schema.without(tasks))
    if tasks:
        _show_targets(tasks)
        _show_leaks(table, schema, tasks)


def _table(file: str, root: str | None, memory: int) -> Table:
    """A table, or a sample of its rows where it is larger than memory, which its notes tell."""
    from medley.tables.reading.large_table import LargeTable, scan
    from medley.tables.reading.memory import is_large
    from medley.tables.reading.read import read

    if not is_large(file, memory):
        return read(file, root)
    path = Path(file)
    own = path if path.is_dir() else path.parent
    found = scan(LargeTable(path, own if root is None else Path(root), memory), [], 0)
    note = f"{found.rows:,} rows, of which {len(found.sample):,} were drawn at random and looked at"
    return replace(found.sample, notes=(note,))


def _schema(table: Table, kinds: Mapping[str, str], errors: ErrorCollector) -> Schema:
    from medley.tables.columns.infer import infer

    try:
        return infer(table, kinds)
    except MedleyError as error:
        errors.collect(error)
        return infer(table)


def column_kinds(words: Sequence[str], errors: ErrorCollector) -> dict[str, str]:
    """`COLUMN=KIND` as a dict; notes words without `=` in `errors`.

    >>> column_kinds(["a=b=number"], ErrorCollector())
    {'a=b': 'number'}
    """
    kinds = {}
    for word in words:
        column, mark, kind = word.rpartition("=")
        if not mark or not column:
            errors.add(f"--kind takes COLUMN=KIND, as in --kind postcode=category; got {word!r}.")
        else:
            kinds[column] = kind
    return kinds


def tasks_of(
    table: Table, names: Sequence[str], kinds: Mapping[str, str], errors: ErrorCollector
) -> dict[str, TaskGuess]:
    """The tasks of some columns; notes in `errors` those that are not there or cannot be predicted."""
    from medley.auto.table.targets import target_as
    from medley.tables.columns.profile import profile_of
    from medley.tables.columns.targets import infer_target_from_profile

    tasks = {}
    for name in dict.fromkeys(names):
        if name not in table.frame.columns:
            errors.add(f"There is no column {name!r} to predict.{did_you_mean(name, table.frame.columns)}")
            continue
        try:
            if name in kinds:
                tasks[name] = target_as(table, name, kinds[name])
            else:
                tasks[name] = infer_target_from_profile(profile_of(table, name))
        except MedleyError as error:
            errors.collect(error)
    return tasks


def _show_columns(table: Table, schema: Schema) -> None:
    rows = [
        (one.name, one.kind, one.reason, _share(one.confidence), _missing(one), _shown(one.examples), one.description)
        for one in schema.values()
    ]
    names = ("column", "kind", "reason", "confidence", "missing", "examples", "input to the network")
    title = f"{table.origin}: {len(table):,} rows, {len(table.frame.columns)} columns"
    show_table(title, names, rows, right=("confidence", "missing"))


def _show_targets(tasks: dict[str, TaskGuess]) -> None:
    rows = [
        (name, one.kind, one.reason, _share(one.confidence), _missing(one), _shown([*map(str, one.labels[:5])]))
        for name, one in tasks.items()
    ]
    show_table(
        "targets",
        ("target", "task", "reason", "confidence", "missing", "classes"),
        rows,
        right=("confidence", "missing"),
    )


def _show_leaks(table: Table, schema: Schema, tasks: dict[str, TaskGuess]) -> None:
    from medley.tables.checks.leaks import duplicate_groups, leaks

    for leak in leaks(table, schema, tasks):
        print(f"warning: {leak} Leave it out with --kind {leak.column!r}=unused if it is not known beforehand.")
    inputs = schema.without(tasks).used
    copies = len(table) - len(set(duplicate_groups(table.frame.loc[:, inputs]).tolist())) if inputs else 0
    if copies:
        print(f"note: {copies:,} rows repeat the inputs of another; a split keeps them together.")


def _share(value: float) -> str:
    return f"{value:.0%}"


def _missing(one: ColumnGuess | TaskGuess) -> str | None:
    return f"{one.missing:.1%}" if one.missing else None


def _shown(examples: Sequence[str]) -> str:
    return ", ".join(examples)
