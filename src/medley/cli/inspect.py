"""`medley inspect`: infer what the columns of a table hold, and which columns leak a target."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json, print_json
from medley.cli.memory import add_memory, memory_of
from medley.cli.options import add_root
from medley.cli.table_argument import add_table, table_of
from medley.cli.tables import show_table
from medley.errors import DataError, ErrorCollector, MedleyError, did_you_mean

if TYPE_CHECKING:
    from medley.core.column import ColumnGuess, TaskGuess
    from medley.tables.checks.leaks import Leak
    from medley.tables.columns.missing import MissingValueSpec
    from medley.tables.columns.schema import Schema
    from medley.tables.reading.read import Table

_EXAMPLES = """\
examples:
  medley inspect pets.csv
  medley inspect pets.csv --target breed --target price
  medley inspect pets.csv --root photos --kind postcode=category --kind note=text
  medley inspect pets.csv --missing -99 --missing-in region=
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    add_table(parser)
    add_table_arguments(parser)
    add_memory(parser)
    add_json(parser)


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that determine how a table is read."""
    parser.add_argument(
        "--target", metavar="NAME", action="append", default=[], help="a column to predict; may be given several times"
    )
    add_root(parser)
    parser.add_argument(
        "--kind",
        metavar="COLUMN=KIND",
        action="append",
        default=[],
        help="set the kind of a column: number, category, boolean, text, image, time, vector, set, ..., unused",
    )
    parser.add_argument(
        "--missing",
        metavar="VALUE",
        action="append",
        default=[],
        help="a string or number that counts as missing in all columns, in addition to those that are recognised",
    )
    parser.add_argument(
        "--missing-in",
        metavar="COLUMN=VALUE",
        action="append",
        default=[],
        help="a value that counts as missing in a column, instead of those that are recognised; COLUMN= alone: only "
        "empty cells are missing in it",
    )


@dataclass(frozen=True)
class Inspection:
    """What is inferred about a table.

    Args:
        table: its rows, or a sample of them.
        schema: the kinds of the columns, targets included.
        tasks: target -> its task.
        leaks: columns that determine a target.
        duplicates: number of rows with the same inputs as an earlier row.
    """

    table: Table
    schema: Schema
    tasks: Mapping[str, TaskGuess]
    leaks: Sequence[Leak]
    duplicates: int


def run(args: argparse.Namespace) -> None:
    """Print the inferred kinds, the tasks of the targets, and the columns that leak them.

    Raises:
        DataError: the table does not exist; a column or kind is unknown; a column cannot be parsed as the kind in
            `--kind`; or a target cannot be predicted (all are reported).
    """
    inspection = inspected(args)
    if args.json:
        print_json(_document(inspection))
        return
    for note in inspection.table.notes:
        print(f"note: {note}\n")
    _show_columns(inspection.table, inspection.schema.without(inspection.tasks))
    if inspection.tasks:
        _show_targets(inspection.tasks)
        _show_leaks(inspection)


def inspected(args: argparse.Namespace) -> Inspection:
    """Infer what the columns of a table hold, and find leaks and duplicate rows if there are targets.

    Args:
        args: with the arguments of `add_table`, `add_table_arguments` and `add_memory`.

    Raises:
        DataError: as `run`.
    """
    from medley.auto.table.dense_targets import settle_dense_targets
    from medley.tables.checks.leaks import duplicate_groups, leaks

    errors = ErrorCollector()
    kinds, missing = column_kinds(args.kind, errors), missing_values(args, errors)
    table = _read_table(table_of(args, args.target), args.root, memory_of(args.memory, errors))
    missing.check(table.frame.columns, errors)
    tasks = tasks_of(table, args.target, kinds, errors, missing)
    others = {name: kind for name, kind in kinds.items() if name not in args.target}
    schema = _infer_schema(table, others, errors, missing, tasks)
    errors.raise_if_any(DataError)
    tasks = settle_dense_targets(table, table, schema, tasks, kinds, missing)
    if not tasks:
        return Inspection(table, schema, tasks, (), 0)
    inputs = schema.without(tasks).used
    distinct = len(set(duplicate_groups(table.frame.loc[:, inputs]).tolist())) if inputs else len(table)
    return Inspection(table, schema, tasks, leaks(table, schema, tasks), len(table) - distinct)


def _document(inspection: Inspection) -> dict[str, Any]:
    """What is inferred, as JSON values."""
    columns = [
        {
            "column": guess.name,
            "kind": guess.kind,
            "used": guess.is_used,
            "reason": guess.reason,
            "confidence": guess.confidence,
            "missing": guess.missing,
            "examples": guess.examples,
            "input": guess.description,
        }
        for guess in inspection.schema.without(inspection.tasks).values()
    ]
    targets = [
        {
            "target": name,
            "task": task.kind,
            "reason": task.reason,
            "confidence": task.confidence,
            "missing": task.missing,
            "classes": task.labels,
        }
        for name, task in inspection.tasks.items()
    ]
    leaks = [{"column": leak.column, "target": leak.target, "reason": str(leak)} for leak in inspection.leaks]
    table = inspection.table
    head = {"table": table.origin, "rows": len(table), "notes": table.notes, "columns": columns, "targets": targets}
    return {**head, "leaks": leaks, "duplicate_rows": inspection.duplicates}


def _read_table(source: Any, root: str | None, memory: int) -> Table:
    """Read a table, or a random sample of one that is larger than memory, with a note that says so."""
    from medley.tables.reading.large_table import large_table, scan
    from medley.tables.reading.memory import is_large
    from medley.tables.reading.read import notes_of, read

    if not is_large(source, memory):
        return read(source, root)
    result = scan(large_table(source, root, memory), [], 0)
    note = f"{result.rows:,} rows, of which {len(result.sample):,} were drawn at random and examined"
    return replace(result.sample, notes=(*notes_of(source), note))


def _infer_schema(
    table: Table,
    kinds: Mapping[str, str],
    errors: ErrorCollector,
    missing: MissingValueSpec,
    tasks: Mapping[str, TaskGuess],
) -> Schema:
    from medley.tables.columns.infer import infer

    try:
        return infer(table, kinds, missing_values=missing, targets=tasks)
    except MedleyError as error:
        errors.collect(error)
        return infer(table)


def column_kinds(assignments: Sequence[str], errors: ErrorCollector) -> dict[str, str]:
    """Parse `COLUMN=KIND` assignments; those without `=` are added to `errors`.

    >>> column_kinds(["a=b=number"], ErrorCollector())
    {'a=b': 'number'}
    """
    kinds = {}
    for assignment in assignments:
        column, separator, kind = assignment.rpartition("=")
        if not separator or not column:
            errors.add(f"--kind must be COLUMN=KIND, as in --kind postcode=category, got {assignment!r}.")
        else:
            kinds[column] = kind
    return kinds


def missing_values(args: argparse.Namespace, errors: ErrorCollector) -> MissingValueSpec:
    """The missing values that `--missing` and `--missing-in` set; assignments without `=` are added to `errors`."""
    from medley.tables.columns.missing import MissingValueSpec, normalised

    by_column: dict[str, list[str]] = {}
    for assignment in args.missing_in:
        column, separator, value = assignment.partition("=")
        if not separator or not column:
            errors.add(f"--missing-in must be COLUMN=VALUE, as in --missing-in price=unknown, got {assignment!r}.")
        else:
            by_column.setdefault(column, []).extend([value] if value else [])
    return MissingValueSpec(
        normalised(args.missing), {column: normalised(values) for column, values in by_column.items()}
    )


def tasks_of(
    table: Table,
    names: Sequence[str],
    kinds: Mapping[str, str],
    errors: ErrorCollector,
    missing: MissingValueSpec | None = None,
) -> dict[str, TaskGuess]:
    """The tasks of some columns; columns that are missing or cannot be predicted are added to `errors`."""
    from medley.auto.table.declared_targets import declared_target
    from medley.tables.columns.profile import profile_of
    from medley.tables.columns.targets import infer_target_from_profile

    tasks = {}
    for name in dict.fromkeys(names):
        if name not in table.frame.columns:
            errors.add(f"There is no column {name!r} to predict.{did_you_mean(name, table.frame.columns)}")
            continue
        try:
            if name in kinds:
                tasks[name] = declared_target(table, name, kinds[name], missing)
            else:
                tasks[name] = infer_target_from_profile(profile_of(table, name), missing)
        except MedleyError as error:
            errors.collect(error)
    return tasks


def _show_columns(table: Table, schema: Schema) -> None:
    rows = [
        (
            guess.name,
            guess.kind,
            guess.reason,
            _percent(guess.confidence),
            _missing_rate(guess),
            _listed(guess.examples),
            guess.description,
        )
        for guess in schema.values()
    ]
    names = ("column", "kind", "reason", "confidence", "missing", "examples", "input to the network")
    title = f"{table.origin}: {len(table):,} rows, {len(table.frame.columns)} columns"
    show_table(title, names, rows, right=("confidence", "missing"))


def _show_targets(tasks: Mapping[str, TaskGuess]) -> None:
    rows = [
        (
            name,
            task.kind,
            task.reason,
            _percent(task.confidence),
            _missing_rate(task),
            _listed([*map(str, task.labels[:5])]),
        )
        for name, task in tasks.items()
    ]
    show_table(
        "targets",
        ("target", "task", "reason", "confidence", "missing", "classes"),
        rows,
        right=("confidence", "missing"),
    )


def _show_leaks(inspection: Inspection) -> None:
    for leak in inspection.leaks:
        print(f"warning: {leak} Leave it out with --kind {leak.column!r}=unused if it is not known when you predict.")
    if inspection.duplicates:
        rows = f"{inspection.duplicates:,} rows have the same inputs as another row"
        print(f"note: {rows}; a split keeps them together.")


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _missing_rate(guess: ColumnGuess | TaskGuess) -> str | None:
    return f"{guess.missing:.1%}" if guess.missing else None


def _listed(examples: Sequence[str]) -> str:
    return ", ".join(examples)
