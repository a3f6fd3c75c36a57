"""`medley predict`: a model's predictions for the rows of a table."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medley.cli.memory import add_memory, memory_of
from medley.cli.models import open_predictor, read_rows
from medley.cli.output import ENDINGS, check_output, write_frame
from medley.cli.progress import bar
from medley.errors import DataError, ErrorCollector, MedleyError

if TYPE_CHECKING:
    import pandas as pd

    from medley.tables.predictor import Predictor
    from medley.tables.reading.read import Table

ROWS = 2048
"""Rows that are predicted at once."""

_EXAMPLES = """\
examples:
  medley predict pets-model new.csv                        to the terminal, or into a pipe
  medley predict pets-model new.csv -o out.csv
  medley predict pets-model new.parquet -o out.parquet --with-inputs --proba
  medley predict pets.onnx new.csv -o out.csv              what medley export wrote; needs no torch

The table may lack the targets' columns, have others besides, and have them in any order. Predictions are in the
order of its rows: a column per target and, for classes, TARGET_probability.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL", type=Path, help="what medley fit, Model.save or medley export wrote")
    parser.add_argument("table", metavar="FILE", help="rows: CSV, Parquet, JSON lines, Feather, or a folder")
    parser.add_argument(
        "-o", "--output", metavar="OUT", default="-", help=f"a file ({', '.join(ENDINGS)}); printed as CSV, if left out"
    )
    parser.add_argument("--proba", action="store_true", help="a column TARGET_CLASS per class besides")
    parser.add_argument(
        "--with-inputs",
        action="store_true",
        help="the table's own columns first; predictions of a target that is among them become TARGET_predicted",
    )
    parser.add_argument("--root", metavar="DIR", help="where relative paths in cells count from; else beside the table")
    parser.add_argument("--device", metavar="D", default="auto", help='"cpu", "cuda", ...; a GPU if there is one')
    add_memory(parser)


def run(args: argparse.Namespace) -> None:
    """Writes the predictions.

    Raises:
        DataError: there is no such model or table, columns are missing, or the output cannot be written; all at once.
    """
    from medley.tables.reading.memory import is_large

    errors = ErrorCollector()
    check_output(args.output, errors)
    if args.output != "-" and Path(args.output).resolve() == Path(args.table).resolve():
        errors.add(f"-o {args.output} is the table itself; give another file.")
    model = open_predictor(args.model, errors, args.device)
    memory = memory_of(args.memory, errors)
    if model is not None and is_large(args.table, memory):
        _in_batches(model, args, memory, errors)
        return
    table = read_rows(model, args.table, args.root, errors)
    errors.raise_if_any(DataError)
    assert model is not None
    assert table is not None
    found = _predictions(model, table, proba=args.proba)
    write_frame(_beside(table.frame, found) if args.with_inputs else found, args.output)


def _in_batches(model: Predictor, args: argparse.Namespace, memory: int, errors: ErrorCollector) -> None:
    from medley.cli.predict_large import large_table, predict_large

    table = None
    try:
        table = large_table(model, args.table, args.root, memory)
    except MedleyError as error:
        errors.collect(error)
    errors.raise_if_any(DataError)
    assert table is not None

    def finished(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        return _beside(rows, found) if args.with_inputs else found

    predict_large(model, table, args.output, finished, ROWS, proba=args.proba)


def _predictions(model: Predictor, table: Table, *, proba: bool) -> pd.DataFrame:
    """Predicts in batches, to show progress; unreadable files are reported once for all batches."""
    import numpy as np
    import pandas as pd

    from medley.core.numbering import gathered, numbered

    parts = []
    with gathered(), bar("rows", len(table)) as done:
        for start in range(0, max(len(table), 1), ROWS):
            some = replace(table, frame=table.frame.iloc[start : start + ROWS])
            with numbered(np.arange(start, start + len(some))):
                parts.append(model.predict_frame(some, proba=proba))
            done(len(some))
    return pd.concat(parts)


def _beside(inputs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    names = {name: f"{name}_predicted" for name in found.columns if name in inputs.columns}
    return pd.concat([inputs, found.rename(columns=names)], axis=1)
