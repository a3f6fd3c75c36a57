"""`medley evaluate`: compute a model's metrics on a table with the true values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json, print_json
from medley.cli.models import open_model_and_rows
from medley.cli.options import add_device, add_on_unreadable, add_root
from medley.cli.table_argument import add_table
from medley.cli.tables import show_table
from medley.errors import DataError, ErrorCollector, did_you_mean
from medley.model.description import format_number

if TYPE_CHECKING:
    from medley.model.model import Model
    from medley.tables.reading.read import Table

_EXAMPLES = """\
examples:
  medley evaluate pets-model test.csv
  medley evaluate pets-model test.parquet --root photos
  medley evaluate pets-model test.csv --weight households --json

A row without a label for one target still counts for the others.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a folder written by medley fit or Model.save")
    add_table(parser, "a table that has the target columns, in any form that medley fit takes")
    add_root(parser)
    add_device(parser)
    parser.add_argument("--weight", metavar="COLUMN", help="a column with the weight of each row")
    add_on_unreadable(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the metrics of each target.

    Raises:
        DataError: the model or table does not exist, or columns are missing (all are reported).
    """
    errors = ErrorCollector()
    model, table = open_model_and_rows(args, errors, labelled=True)
    weights: Any = None
    if args.weight is not None:
        frame: Any = table.frame
        if args.weight not in frame:
            errors.add(
                f"names {args.weight!r}, which is not a column.{did_you_mean(args.weight, frame)}",
                argument="sample_weight",
            )
            errors.raise_if_any(DataError)
        weights = frame[args.weight].to_numpy()
    metrics = model.evaluate(table, sample_weight=weights, on_unreadable=args.on_unreadable, all_metrics=True)
    scores = list(_scores(model, table, metrics))
    if args.json:
        targets = [{"target": name, "labelled_rows": rows, "metrics": dict(values)} for name, rows, values in scores]
        print_json({"table": table.origin, "rows": len(table), "loss": metrics["loss"], "targets": targets})
        return
    rows = [
        (name, f"{labelled:,}", metric, format_number(value))
        for name, labelled, values in scores
        for metric, value in values
    ]
    columns = ("target", "labelled rows", "metric", "value")
    show_table(f"{table.origin}: {len(table):,} rows", columns, rows, right=("labelled rows", "value"))


def _scores(
    model: Model, table: Table, metrics: dict[str, float]
) -> Iterator[tuple[str, int, list[tuple[str, float]]]]:
    """Per target of the table: its name, the number of labelled rows, and its metrics."""
    assert model.table is not None
    for head in model.table.labelled(table):
        cells: Any = table.frame[model.table.targets[head]]
        yield model.table.targets[head], int(cells.notna().sum()), _metrics_of(metrics, head, model.output_names)


def _metrics_of(metrics: dict[str, float], head: str, heads: list[str]) -> list[tuple[str, float]]:
    """The metrics of one head, without the prefix of its name."""
    if len(heads) == 1:
        return list(metrics.items())
    # If one head's name is a prefix of another's, the longer name takes precedence.
    longer_prefixes = tuple(f"{other}_" for other in heads if other.startswith(f"{head}_"))
    names = [
        name
        for name in metrics
        if name.startswith(f"{head}_") and not (longer_prefixes and name.startswith(longer_prefixes))
    ]
    return [(name.removeprefix(f"{head}_"), metrics[name]) for name in names]
