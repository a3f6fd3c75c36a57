"""`medley new`: write a commented configuration for `medley fit`, from the inferred columns."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.config import config_text, is_of_pairs, key_of
from medley.cli.inspect import add_table_arguments, inspected
from medley.cli.memory import add_memory
from medley.cli.table_argument import add_table, name_of
from medley.core.files import write_file
from medley.errors import ConfigError, DataError

if TYPE_CHECKING:
    from medley.cli.inspect import Inspection
    from medley.core.column import ColumnGuess, TaskGuess

_EXAMPLES = """\
examples:
  medley new pets.csv --target price -o pets.yaml
  medley new pets.csv --target price --target breed > pets.yaml
  medley fit --config pets.yaml

The file lists the kinds that were inferred, each with its reason: correct what is wrong. All other options of medley
fit are there too, commented out.
"""

_WRITTEN = ("target", "kind", "output", "help", "json", "config", "save-config", "quiet", "verbose")
"""Keys that are written anyway, and options that are no keys."""

_WIDTH = 80
"""Characters of a comment."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    add_table(parser)
    add_table_arguments(parser)
    add_memory(parser)
    parser.add_argument("-o", "--output", metavar="OUT", default="-", help="a file (default: printed)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(args: argparse.Namespace) -> None:
    """Write the configuration.

    Raises:
        ConfigError: the file exists.
        DataError: the table cannot be read, or a target cannot be predicted (all errors are reported).
    """
    path = None if args.output == "-" else Path(args.output)
    if path is not None and path.exists() and not args.overwrite:
        raise ConfigError(f"-o {path} exists; choose another file, or --overwrite.")
    if args.table == ["-"]:
        raise DataError("A configuration names a table that can be read again; - is the standard input.")
    text = "\n".join(_lines(args, inspected(args)))
    if path is None:
        print(text, end="")
        return
    write_file(path, text.encode())
    if args.verbose:
        print(f"{path}; train with `medley fit --config {path}`", file=sys.stderr)


def _lines(args: argparse.Namespace, inspection: Inspection) -> Iterator[str]:
    from medley.cli.main import command_parser

    options = list(command_parser(["fit"])[1]["fit"]._actions)
    table = args.table[0] if len(args.table) == 1 else list(args.table)
    yield f"# Options of `medley fit`, for {inspection.table.origin}: {len(inspection.table):,} rows.\n#"
    yield "# Run:  medley fit --config FILE"
    yield "# A key is an option without its dashes; options of the command line replace what is written here.\n"
    yield config_text({"table": table})
    yield "# The columns to predict."
    yield from _targets(inspection)
    yield "# What the columns hold; a kind that is left out is inferred again. 'unused' leaves a column out."
    yield "kind:"
    leaks = {leak.column: str(leak) for leak in inspection.leaks}
    columns = inspection.schema.without(inspection.tasks).values()
    width = max((len(_entry(guess)) for guess in columns), default=0)
    for guess in columns:
        yield f"  {_entry(guess):{width}}  # {_shortened(_reason(guess))}"
        if guess.name in leaks:
            yield f"  # warning: {_shortened(leaks[guess.name])}"
    yield ""
    explicit: dict[str, Any] = {name: getattr(args, name) for name in ("root", "missing", "connection")}
    explicit["missing-in"] = args.missing_in
    explicit = {key: value for key, value in explicit.items() if value}
    if explicit:
        yield config_text(explicit)
    yield f"output: {name_of(args)}-model\n"
    yield "# Everything else, with its default or an example of its form."
    for action in options:
        key = key_of(action)
        if action.option_strings and action.help != argparse.SUPPRESS and key not in {*_WRITTEN, *explicit}:
            yield f"# {key}: {_example(action)}  # {_shortened((action.help or '').replace('%%', '%'))}"
    yield ""


def _targets(inspection: Inspection) -> Iterator[str]:
    if not inspection.tasks:
        yield "# Remove the # before at least one of them."
    yield "target:"
    tasks: Mapping[str, TaskGuess] = inspection.tasks
    for name, task in tasks.items():
        classes = f"; {len(task.labels)} classes" if task.labels else ""
        yield f"  - {_scalar(name)}  # {_shortened(f'{task.kind}: {task.reason}{classes}')}"
    for name in () if tasks else inspection.table.frame.columns:
        yield f"  # - {_scalar(str(name))}"
    yield ""


def _entry(guess: ColumnGuess) -> str:
    return f"{_scalar(guess.name)}: {guess.kind if guess.is_used else 'unused'}"


def _reason(guess: ColumnGuess) -> str:
    kind = "" if guess.is_used else f"{guess.kind}: "
    examples = f"; such as {', '.join(guess.examples[:3])}" if guess.examples else ""
    return f"{kind}{guess.reason} ({guess.confidence:.0%}){examples}"


def _scalar(text: str) -> str:
    """A text as YAML writes it in one line."""
    return config_text({text: 0}).rpartition(":")[0]


def _example(action: argparse.Action) -> str:
    if action.nargs == 0:
        return "true"
    if is_of_pairs(action):
        return "{COLUMN: VALUE}"
    if isinstance(action.default, str | int | float) and not isinstance(action.default, bool):
        return str(action.default)
    return f"[{action.metavar}]" if isinstance(action, argparse._AppendAction) else str(action.metavar or "")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 4]} ..."
