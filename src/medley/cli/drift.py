"""`medley drift`: compare new rows with those that a model was trained on."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.json_output import add_json, print_json
from medley.cli.models import open_model_and_rows
from medley.cli.options import add_device, add_on_unreadable, add_root
from medley.cli.output import ENDINGS, check_output, write_frame
from medley.cli.table_argument import add_table
from medley.errors import ErrorCollector

DRIFTED = 3
"""Exit code where something has drifted, for pipelines."""

_EXAMPLES = """\
examples:
  medley drift pets-model new.csv
  medley drift pets-model new.csv -o drift.csv || echo "look at the data"

The columns that the model reads are compared one by one: numbers and categories by their histograms, texts by their
length and words, images and recordings by their mean and deviation; and what the network makes of all of them together,
by its embeddings. "shift" is the population stability index (0.1 moderate, 0.25 large); "p_value" is that of a
chi-squared test, corrected for the number of columns; "missing" is the change of the fraction of missing cells.

exit codes: 0 no drift, 3 drift, 2 an error that the message explains
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL", type=Path, help="written by medley fit or Model.save")
    add_table(parser, "rows, in any form that medley fit takes")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help=f"a file ({', '.join(ENDINGS)}) for all columns; by default printed"
    )
    parser.add_argument(
        "--level",
        metavar="P",
        type=float,
        default=0.01,
        help="p-value below which a shift may be drift (default: 0.01)",
    )
    parser.add_argument(
        "--min-shift", metavar="S", type=float, default=0.1, help="least shift that may be drift (default: 0.1)"
    )
    add_root(parser)
    add_device(parser)
    add_on_unreadable(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print or write how far each column has shifted.

    Returns:
        The exit code: `DRIFTED` where something has drifted, else 0.

    Raises:
        DataError: the model or table does not exist, or columns are missing (all are reported).
        ConfigError: the model knows nothing of what it was trained on, or there are too few rows.
    """
    errors = ErrorCollector()
    if args.output is not None:
        check_output(args.output, errors)
    model, table = open_model_and_rows(args, errors)
    options = {"level": args.level, "min_shift": args.min_shift}
    frame = model.drift(table, root=args.root, on_unreadable=args.on_unreadable, **options)
    drifted = sum(map(bool, frame["drifted"].tolist()))
    if args.json:
        print_json({"drifted": drifted, "columns": frame.to_dict("records")})
    elif args.output is None:
        print(frame.to_string(index=False, float_format=lambda value: f"{value:.4g}"))
        print(f"{drifted} of {len(frame)} have drifted" if drifted else "no drift")
    if args.output is not None:
        write_frame(frame, args.output)
    return DRIFTED if drifted else 0
