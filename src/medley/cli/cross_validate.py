"""`medley cross-validate`: scores of new rows with standard errors, by training on parts of a table."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING

from medley.cli.inspect import add_table_arguments, column_kinds, missing_values
from medley.cli.json_output import add_json, print_json
from medley.cli.options import add_device
from medley.cli.output import ENDINGS, check_output, write_frame
from medley.cli.pretrained import add_pretrained, pretrained_of
from medley.cli.table_argument import add_table, table_of
from medley.cli.tables import show_table
from medley.errors import ConfigError, ErrorCollector
from medley.model.description import format_number

if TYPE_CHECKING:
    import pandas as pd

    from medley.auto.table.cross_validate import CrossValidation

_EXAMPLES = """\
examples:
  medley cross-validate pets.csv --target breed --target price
  medley cross-validate pets.csv --target price --folds 10 --group owner --time-limit 1h --workers 2
  medley cross-validate visits.parquet --target bill --time date --json
  medley cross-validate pets.csv --target price -o predictions.csv

Each fold is a complete training on the other rows, so a score is that of rows which the model has not seen. No model is
saved: train it on all rows with medley fit. The file of -o holds a prediction for each row, by the model that has not
seen it, with the number of the row and its fold.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    add_table(parser)
    add_table_arguments(parser)
    parser.add_argument("--folds", metavar="N", type=int, default=5, help="number of parts (default: 5)")
    parser.add_argument("--group", metavar="COLUMN", help="rows with the same value are in one fold")
    parser.add_argument(
        "--time", metavar="COLUMN", help="folds are periods of time; each is predicted by a model of the rows before it"
    )
    parser.add_argument(
        "--input",
        metavar="NAME",
        action="append",
        help="an input column; may be given several times (default: all columns but targets)",
    )
    parser.add_argument(
        "--time-limit", metavar="T", default="10m", help="for all trainings together, such as 90s or 1h (default: 10m)"
    )
    parser.add_argument("--trials", metavar="N", type=int, help="the number of networks to try per fold")
    parser.add_argument("--epochs", metavar="N", type=int, help="the maximum epochs per training")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the folds and the trainings (default: 0)")
    parser.add_argument(
        "--workers", metavar="N", type=int, default=1, help="number of folds that are trained at once (default: 1)"
    )
    parser.add_argument("-o", "--output", metavar="OUT", help=f"a file ({', '.join(ENDINGS)}) for predictions")
    add_device(parser)
    add_pretrained(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print each score with its standard error.

    Raises:
        ConfigError, DataError: arguments or the table are invalid.
    """
    errors = ErrorCollector()
    if not args.target:
        errors.add("Name the columns to predict with --target.")
    if args.output is not None:
        check_output(args.output, errors)
    kinds = column_kinds(args.kind, errors)
    missing = missing_values(args, errors)
    errors.raise_if_any(ConfigError)
    from medley.auto.table.cross_validate import cross_validate

    options = {
        "inputs": args.input,
        "column_kinds": kinds,
        "missing_values": missing,
        "max_trials": args.trials,
        "epochs": args.epochs,
        "device": args.device,
        "pretrained": pretrained_of(args.pretrained),
    }
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        result = cross_validate(
            table_of(args, args.target),
            args.target,
            folds=args.folds,
            group=args.group,
            time=args.time,
            root=args.root,
            time_limit=args.time_limit,
            seed=args.seed,
            verbose=max(args.verbose - 1, 0),
            workers=args.workers,
            options=options,
        )
    if args.output is not None:
        write_frame(_predictions(result), args.output)
    scores = result.scores.reset_index(names="score").to_dict("records")
    if args.json:
        print_json({"folds": args.folds, "rows": len(result.predictions), "scores": scores})
        return
    folds = [f"fold_{fold}" for fold in range(args.folds)]
    names = ["mean", "standard_error", *folds]
    rows = [[row["score"], *(format_number(row[name]) for name in names)] for row in scores]
    columns = [name.replace("_", " ") for name in ("score", *names)]
    show_table(f"{len(result.predictions):,} rows, {args.folds} folds", columns, rows, right=columns[1:])


def _predictions(result: CrossValidation) -> pd.DataFrame:
    """The predictions with the number of each row in the table, from 0, and its fold."""
    frame = result.predictions.reset_index(drop=True)
    numbers = (result.folds >= 0).nonzero()[0]
    frame.insert(0, "row", numbers)
    frame.insert(1, "fold", result.folds[numbers])
    return frame
