"""`medley report`: write one page about a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from medley.cli.json_output import add_json, print_json
from medley.cli.models import load_any
from medley.cli.options import add_device, add_root
from medley.cli.table_argument import add_table, table_of
from medley.errors import ConfigError, DataError, ErrorCollector, MedleyError

_EXAMPLES = """\
examples:
  medley report pets-model test.csv                 report.html: metrics, plots, importance, examples
  medley report pets-model -o pets.html             from the validation rows that the model keeps
  medley report pets-model test.csv -o MODEL_CARD.md

FILE holds rows that the model was not trained on, with their true values. The page is one file that needs no network.
An output that ends in .md is a model card, in .json the numbers behind the page.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a saved model, or the folder of a search")
    add_table(parser, "a table that has the target columns, in any form that medley fit takes", optional=True)
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, default=Path("report.html"), help="the file (default: report.html)"
    )
    add_root(parser)
    add_device(parser)
    parser.add_argument("--no-examples", action="store_true", help="show no cells and no rows of the tables")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Write the report and print its name.

    Raises:
        ConfigError, DataError: the model, the table or the output is invalid (all are reported).
    """
    from medley.report.page import check_path

    errors = ErrorCollector()
    model: Any = None
    with errors.collecting(MedleyError):
        check_path(args.output)
    with errors.collecting(MedleyError):
        _, model = load_any(args.model, args.device)
    errors.raise_if_any(ConfigError)
    table = None
    if args.table:
        if model.table is None:
            raise DataError(f"{args.model} was fitted to inputs rather than to a table: use model.report in Python.")
        table = table_of(args, model.table.required)
    path = model.report(args.output, table, root=args.root, examples=not args.no_examples)
    if args.json:
        print_json({"report": path, "bytes": path.stat().st_size})
    elif args.verbose:
        print(f"{path} ({path.stat().st_size / 1000:,.0f} kB)")
