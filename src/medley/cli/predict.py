"""`medley predict`: predict the targets of the rows of a table."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.memory import add_memory, memory_of
from medley.cli.models import open_predictor, read_rows
from medley.cli.options import add_device, add_on_unreadable, add_root
from medley.cli.output import ENDINGS, add_rows_as_json, output_of, write_frame
from medley.cli.table_argument import add_table, table_of
from medley.core.progress_bar import progress_bar
from medley.errors import DataError, ErrorCollector, MedleyError

if TYPE_CHECKING:
    import pandas as pd

    from medley.tables.predictor import Predictor
    from medley.tables.reading.read import Table

ROWS = 2048
"""The number of rows per batch."""

_EXAMPLES = """\
examples:
  medley predict pets-model new.csv                        prints CSV
  medley predict pets-model new.csv -o out.csv
  medley predict pets-model - --json < new.csv             reads and prints rows, for pipes
  medley predict pets-model new.parquet -o out.parquet --with-inputs --proba
  medley predict pets.onnx new.csv -o out.csv              an exported model; does not need torch

The table needs the input columns, in any order; target columns may be missing, and other columns are ignored.
Predictions are in the order of the rows: a column per target and, for classes, TARGET_probability.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL", type=Path, help="written by medley fit, Model.save or medley export")
    add_table(parser, "rows, in any form that medley fit takes")
    parser.add_argument(
        "-o", "--output", metavar="OUT", default="-", help=f"a file ({', '.join(ENDINGS)}); by default printed as CSV"
    )
    parser.add_argument(
        "--proba", action="store_true", help="add a column TARGET_CLASS with the probability of each class"
    )
    parser.add_argument(
        "--interval",
        metavar="P",
        type=float,
        help="a probability such as 0.9: add TARGET_low and TARGET_high, or TARGET_set with the possible classes, "
        "which hold the truth of so many rows",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="add the columns `unusual`, the fraction of training rows that are less unusual, and `missing`",
    )
    parser.add_argument(
        "--uncalibrated",
        action="store_true",
        help="probabilities and numbers of the network, without calibration on validation rows",
    )
    parser.add_argument(
        "--with-inputs",
        action="store_true",
        help="write the columns of the table, too; the prediction of a target among them is called TARGET_predicted",
    )
    add_root(parser)
    add_device(parser)
    add_on_unreadable(parser)
    add_memory(parser)
    add_rows_as_json(parser)


def run(args: argparse.Namespace) -> None:
    """Write the predictions.

    Raises:
        DataError: the model or table does not exist, columns are missing, or the output cannot be written (all are
            reported).
    """
    from medley.tables.reading.memory import is_large

    errors = ErrorCollector()
    output = output_of(args, errors)
    if args.output != "-" and Path(args.output).resolve() in map(Path.resolve, map(Path, args.table)):
        errors.add(f"-o {args.output} is the table itself; choose another file.")
    model = open_predictor(args.model, errors, args.device)
    memory = memory_of(args.memory, errors)
    source = table_of(args, [] if model is None or model.table is None else model.table.required)
    if model is not None and is_large(source, memory):
        _in_batches(model, source, output, args, memory, errors)
        return
    table = read_rows(model, source, args.root, errors)
    errors.raise_if_any(DataError)
    assert model is not None
    assert table is not None
    predictions = _predict(model, table, _options(args), is_shown=args.verbose > 0)
    write_frame(_with_inputs(table.frame, predictions) if args.with_inputs else predictions, output)


def _in_batches(
    model: Predictor, source: Any, output: str, args: argparse.Namespace, memory: int, errors: ErrorCollector
) -> None:
    from medley.cli.predict_large import large_table, predict_large

    table = None
    try:
        table = large_table(model, source, args.root, memory)
    except MedleyError as error:
        errors.collect(error)
    errors.raise_if_any(DataError)
    assert table is not None

    def to_output(rows: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
        return _with_inputs(rows, predictions) if args.with_inputs else predictions

    predict_large(model, table, output, to_output, ROWS, _options(args), is_shown=args.verbose > 0)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `Predictor.predict_frame`."""
    return {
        "proba": args.proba,
        "interval": args.interval,
        "calibrated": not args.uncalibrated,
        "explain": args.explain,
        "on_unreadable": args.on_unreadable,
    }


def _predict(model: Predictor, table: Table, options: Mapping[str, Any], *, is_shown: bool) -> pd.DataFrame:
    """Predict in batches, to show progress; unreadable files are reported once for all batches."""
    import numpy as np
    import pandas as pd

    from medley.core.row_reporting import WarningCollector, using_row_numbers

    parts = []
    with WarningCollector(), progress_bar("rows", len(table), is_shown=is_shown) as advance:
        for start in range(0, max(len(table), 1), ROWS):
            chunk = replace(table, frame=table.frame.iloc[start : start + ROWS])
            with using_row_numbers(np.arange(start, start + len(chunk))):
                parts.append(model.predict_frame(chunk, **options))
            advance(len(chunk))
    return pd.concat(parts)


def _with_inputs(inputs: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = {name: f"{name}_predicted" for name in predictions.columns if name in inputs.columns}
    return pd.concat([inputs, predictions.rename(columns=names)], axis=1)
