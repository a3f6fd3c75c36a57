"""`medley distil`: train one small network to predict what a saved model predicts."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.json_output import add_json, print_json
from medley.cli.models import open_model
from medley.cli.options import add_device, add_root
from medley.cli.table_argument import add_table, table_of
from medley.cli.tables import show_table
from medley.errors import ErrorCollector

SIZES = ("small", "medium", "large")

_EXAMPLES = """\
examples:
  medley distil pets-model pets.csv -o pets-student
  medley distil pets-model more-pets.csv -o pets-student --size small

FILE is the table that the model was trained on, or another one; rows without labels are used, too. The command prints
what the student costs: metrics on validation rows, size and speed of both models.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a folder written by medley fit or Model.save")
    add_table(parser, "a table with the columns of the model; those of targets may be missing")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True, help="the folder of the student")
    parser.add_argument("--size", choices=SIZES, default="medium", help="of the network (default: medium)")
    parser.add_argument(
        "--label-weight",
        metavar="W",
        type=float,
        default=0.5,
        help="weight of the loss against labels, from 0 to 1; the rest is that of the model's outputs (default: 0.5)",
    )
    parser.add_argument("--epochs", metavar="N", type=int, help="number of epochs (default: chosen by the inputs)")
    parser.add_argument("--time-limit", metavar="T", help="of the training: seconds, or 90s, 10m, 1h (default: none)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="random seed (default: 0)")
    add_root(parser)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Train and save a student, and print its price.

    Raises:
        ConfigError, DataError, ArtifactError: an option is invalid, or the model or the table cannot be read.
    """
    from medley.auto.duration import seconds
    from medley.errors import ConfigError
    from medley.model.description import format_number

    errors = ErrorCollector()
    model = open_model(args.model, errors, args.device)
    limit = None
    with errors.collecting(ConfigError):
        limit = seconds(args.time_limit)
    if args.output.resolve() == args.model.resolve():
        errors.add("is the model itself; choose another folder.", argument="output")
    errors.raise_if_any(ConfigError)
    assert model is not None
    source = table_of(args, [] if model.table is None else model.table.required)
    student = model.distil(
        source,
        size=args.size,
        label_weight=args.label_weight,
        epochs=args.epochs,
        root=args.root,
        seed=args.seed,
        time_limit=limit,
    )
    folder = student.save(args.output)
    distilled = student.metadata["distilled"]
    if args.json:
        print_json({"model": folder, **distilled})
        return
    counts = distilled["rows"]
    rows = [
        (line["measure"], *(format_number(line[name]) for name in ("teacher", "student")))
        for line in distilled["price"]
    ]
    title = f"{counts['train']:,} training rows, {counts['held_out']:,} validation rows"
    show_table(title, ("measure", "teacher", "student"), rows, right=("teacher", "student"))
    print(f"saved in {folder}")
