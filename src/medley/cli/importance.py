"""`medley importance`: how much worse predictions are without each column, input and modality."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json, print_json
from medley.cli.models import open_model_and_rows
from medley.cli.options import add_device, add_on_unreadable, add_root
from medley.cli.output import ENDINGS, check_output, write_frame
from medley.cli.table_argument import add_table
from medley.cli.tables import show_table
from medley.errors import ErrorCollector, MedleyError

if TYPE_CHECKING:
    from medley.model.affinity import TaskAffinity
    from medley.model.importance import Importance, Level

_EXAMPLES = """\
examples:
  medley importance pets-model test.csv
  medley importance pets-model test.csv --time-limit 30s
  medley importance pets-model test.csv --together age,weight --together breed,kind
  medley importance pets-model test.csv --associated -o importance.csv
  medley importance pets-model test.csv --tasks

The numbers are the increase of the loss, divided by the loss of the best constant prediction: 0 where nothing is lost.
Columns are permuted between rows, several times; inputs and modalities are absent in all rows. Use rows that the model
was not trained on. The file of -o holds every metric of every task.
"""

_TITLES: tuple[tuple[Level, str], ...] = (
    ("modality", "without the modality"),
    ("input", "without the input"),
    ("group", "columns permuted together"),
    ("column", "column permuted"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a folder written by medley fit or Model.save")
    add_table(parser, "a table that has the target columns, in any form that medley fit takes")
    parser.add_argument("--repeats", metavar="N", type=int, default=5, help="permutations of each column (default: 5)")
    parser.add_argument("--time-limit", metavar="T", default="60s", help='stop after "90s", "10m" (default: "60s")')
    parser.add_argument("--rows", metavar="N", type=int, default=2000, help="rows that are drawn (default: 2000)")
    parser.add_argument(
        "--together", metavar="A,B", action="append", default=[], help="columns that are also permuted together"
    )
    parser.add_argument(
        "--associated", action="store_true", help="also permute columns together that nearly determine each other"
    )
    parser.add_argument(
        "--tasks", action="store_true", help="also whether training for one target helps another (several targets)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the permutations (default: 0)")
    parser.add_argument("-o", "--output", metavar="OUT", help=f"a file for all numbers ({', '.join(ENDINGS)})")
    add_root(parser)
    add_device(parser)
    add_on_unreadable(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print importance by modality, input, group and column.

    Raises:
        DataError: the model or table does not exist, or columns are missing (all are reported).
    """
    from medley.auto.duration import seconds

    errors = ErrorCollector()
    if args.output is not None:
        check_output(args.output, errors)
    if args.together and args.associated:
        errors.add("--together and --associated cannot be combined.")
    limit = None
    try:
        limit = seconds(args.time_limit)
    except MedleyError as error:
        errors.collect(error)
    model, table = open_model_and_rows(args, errors, labelled=True)
    groups: Any = {pair.replace(",", " + "): pair.split(",") for pair in args.together} or None
    result = model.importance(
        table,
        groups="associated" if args.associated else groups,
        repeats=args.repeats,
        time_limit=limit,
        max_rows=args.rows,
        on_unreadable=args.on_unreadable,
        seed=args.seed,
        verbose=args.verbose,
    )
    affinity = model.task_affinity(table, seed=args.seed) if args.tasks else None
    if args.json:
        measurements = [
            {"level": m.level, "name": m.name, "task": m.task, "metric": m.metric, "mean": m.mean, "values": m.values}
            for m in result.measurements
        ]
        affinities = {} if affinity is None else {"affinity": affinity.frame.to_dict("records")}
        print_json(
            {"rows": result.rows, "scores": result.scores, "importance": measurements, "left_out": result.left_out}
            | affinities
        )
    else:
        _show(result)
        if affinity is not None:
            _show_affinity(affinity)
    if args.output is not None:
        write_frame(result.frame, args.output)


def _show(result: Importance) -> None:
    tasks = result.tasks if len(result.tasks) == 1 else ["all tasks", *result.tasks]
    for level, title in _TITLES:
        ranking = result.ranking(level)
        if not ranking:
            continue
        measurements = {
            (m.name, m.task): m for m in result.measurements if m.level == level and m.metric == "relative_loss"
        }
        rows = [[entry.name, *(_number(measurements.get((entry.name, task))) for task in tasks)] for entry in ranking]
        show_table(f"{title} ({result.rows:,} rows)", [level, *tasks], rows, right=tasks)
    if result.left_out:
        print(f"not measured in the time limit: {', '.join(result.left_out)}\n")


def _show_affinity(affinity: TaskAffinity) -> None:
    tables = (
        ("cosine of gradients", affinity.cosine),
        ("fraction of loss that a step for a task saves", affinity.gain),
    )
    for title, matrix in tables:
        rows = [
            [task, *("" if i == j else f"{value:.4f}" for j, value in enumerate(matrix[i].tolist()))]
            for i, task in enumerate(affinity.tasks)
        ]
        show_table(f"{title} ({affinity.rows:,} rows)", ["task", *affinity.tasks], rows, right=affinity.tasks)


def _number(measurement: Any) -> str | None:
    if measurement is None:
        return None
    spread = f" ± {measurement.std:.4f}" if len(measurement.values) > 1 else ""
    return f"{measurement.mean:.4f}{spread}"
