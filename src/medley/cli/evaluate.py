"""`medley evaluate`: a model's metrics on a table that holds the true values."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.models import open_model, read_rows
from medley.cli.tables import show_table
from medley.errors import DataError, ErrorCollector
from medley.model.description import format_number

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.reading.read import Table

_EXAMPLES = """\
examples:
  medley evaluate pets-model test.csv
  medley evaluate pets-model test.parquet --root photos

Rows without a label count for the other targets only.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="what medley fit or Model.save wrote")
    parser.add_argument("table", metavar="FILE", help="rows that have the targets' columns")
    parser.add_argument("--root", metavar="DIR", help="where relative paths in cells count from; else beside the table")
    parser.add_argument("--device", metavar="D", default="auto", help='"cpu", "cuda", ...; a GPU if there is one')


def run(args: argparse.Namespace) -> None:
    """Prints metrics per target.

    Raises:
        DataError: there is no such model or table, or columns are missing; all errors at once.
    """
    errors = ErrorCollector()
    model = open_model(args.model, errors, args.device)
    table = read_rows(model, args.table, args.root, errors, labelled=True)
    errors.raise_if_any(DataError)
    assert model is not None
    assert table is not None
    show_scores(model, table)


def show_scores(model: Model, table: Table) -> None:
    """Prints a model's metrics on a table, a line per target and metric."""
    found = model.evaluate(table)
    assert model.table is not None
    rows = []
    for head in model.table.labelled(table):
        column = model.table.targets[head]
        cells: Any = table.frame[column]
        labelled = f"{int(cells.notna().sum()):,}"
        rows += [(column, labelled, name, format_number(value)) for name, value in _of(found, head, model.output_names)]
    columns = ("target", "labelled rows", "metric", "value")
    show_table(f"{table.origin}: {len(table):,} rows", columns, rows, right=("labelled rows", "value"))


def _of(found: dict[str, float], head: str, heads: list[str]) -> list[tuple[str, float]]:
    """The metrics of one head, without its name before them."""
    if len(heads) == 1:
        return list(found.items())
    # Where one head's name begins another's, the longer one is meant.
    longer = tuple(f"{other}_" for other in heads if other.startswith(f"{head}_"))
    mine = [name for name in found if name.startswith(f"{head}_") and not (longer and name.startswith(longer))]
    return [(name.removeprefix(f"{head}_"), found[name]) for name in mine]
