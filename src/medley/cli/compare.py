"""`medley compare`: metrics of several models on one table, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.json_output import add_json, print_json
from medley.cli.models import open_model, read_rows
from medley.cli.options import add_device, add_root
from medley.cli.output import ENDINGS, check_output, write_frame
from medley.cli.table_argument import add_table, table_of
from medley.cli.tables import show_table
from medley.errors import DataError, ErrorCollector

_EXAMPLES = """\
examples:
  medley compare pets-model other-model test.csv
  medley compare models/* test.csv -o comparison.csv

Every further model is compared with the first one: gain is how
much better it is, with a paired 95 % confidence interval (the same rows, or whole groups of rows, are drawn for all
models); * marks intervals that leave out zero.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "models", metavar="MODEL_DIR", nargs="+", type=Path, help="folders written by medley fit or Model.save"
    )
    add_table(parser, "a table that has the target columns, in any form that medley fit takes")
    parser.add_argument(
        "--group",
        metavar="COLUMN",
        help="a column of groups of rows that are not independent, such as a person's (default: that of the training)",
    )
    parser.add_argument("--samples", metavar="N", type=int, default=500, help="resamples of the rows (default: 500)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the resamples (default: 0)")
    parser.add_argument("-o", "--output", metavar="OUT", help=f"a file for all numbers ({', '.join(ENDINGS)})")
    add_root(parser)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the metrics of all models.

    Raises:
        DataError: a model or the table does not exist, or columns are missing (all are reported).
    """
    errors = ErrorCollector()
    if args.output is not None:
        check_output(args.output, errors)
    folders: list[Path] = args.models
    if len(folders) < 2:
        errors.add("Name at least two models, and a table: medley compare MODEL_DIR MODEL_DIR FILE.")
    models = {
        name: open_model(folder, errors, args.device) for name, folder in zip(_names(folders), folders, strict=True)
    }
    first = next(iter(models.values()), None)
    source = table_of(args, [] if first is None or first.table is None else first.table.required)
    for model in models.values():
        read_rows(model, source, args.root, errors, labelled=True)  # so that all errors are reported at once
    errors.raise_if_any(DataError)
    from medley.report.comparison import compare

    opened = {name: model for name, model in models.items() if model is not None}
    result = compare(opened, source, samples=args.samples, group=args.group, root=args.root, seed=args.seed)
    rows = max(item.rows for item in result.metrics)
    columns = result.columns()
    if args.json:
        numbers = {"table": args.table[0], "rows": rows, "groups": result.groups}
        print_json({**numbers, "metrics": result.frame.to_dict("records")})
    else:
        groups = "" if result.groups is None else f" in {result.groups:,} groups"
        show_table(f"{args.table[0]}: {rows:,} rows{groups}", columns, result.lines(), right=columns[2:])
    if args.output is not None:
        write_frame(result.frame, args.output)


def _names(folders: list[Path]) -> list[str]:
    """Short names of models: those of their folders where these differ."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) == len(names):
        return names
    names = [str(folder) for folder in folders]
    # One model may be named twice.
    return [
        f"{name} ({names[:place].count(name) + 1})" if name in names[:place] else name
        for place, name in enumerate(names)
    ]
