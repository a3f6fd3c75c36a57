"""`medley fit`: from a table to a saved model of one or several targets."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medley.cli.inspect import add_table_arguments, column_kinds
from medley.cli.memory import add_memory
from medley.cli.pretrained import add_pretrained, pretrained_of
from medley.errors import ErrorCollector

if TYPE_CHECKING:
    from medley.model.model import Model

SEARCH = "search"
"""The folder inside a model's folder that holds the search."""

_EXAMPLES = """\
examples:
  medley fit pets.csv --target breed --target price
  medley fit pets.csv --target price -o pets-model --time-limit 1h --seed 7
  medley fit visits.parquet --target bill --time date --kind ward=category --input age --input ward --input date
  medley fit houses.csv --target price --root photos --on-bad-file drop

MODEL_DIR holds the model and, under search/, what was tried: see medley describe MODEL_DIR and
medley trials MODEL_DIR/search. The same command again goes on with a search that was killed. Ctrl-C ends the search;
the best network so far is saved, and the exit code is 130.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument("table", metavar="FILE", help="CSV, Parquet, JSON lines, Feather, or a folder of them")
    add_table_arguments(parser)
    parser.add_argument("-o", "--output", metavar="MODEL_DIR", type=Path, help="the model's folder; else FILE-model")
    parser.add_argument("--overwrite", action="store_true", help="replace the model that is there, and search anew")
    parser.add_argument(
        "--input", metavar="NAME", action="append", help="a column to learn from; all others, if left out"
    )
    parser.add_argument("--group", metavar="COLUMN", help="rows of one value stay on one side of the split")
    parser.add_argument("--time", metavar="COLUMN", help="the latest rows are held out")
    parser.add_argument("--split", metavar="COLUMN", help='says "train", "validation" or "test" of each row')
    parser.add_argument("--weight", metavar="COLUMN", help="how much each row counts")
    _add_search(parser)


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--time-limit", metavar="T", default="10m", help="90s, 10m, 1h30m (default: 10m)")
    parser.add_argument(
        "--trials",
        "--max-trials",
        metavar="N",
        type=_whole,
        help="networks to try; what fits into the time, if left out",
    )
    parser.add_argument("--epochs", metavar="N", type=_whole, help="of each training; chosen by the number of rows")
    parser.add_argument("--seed", metavar="N", type=_whole, help="the same seed gives the same result (default: 0)")
    parser.add_argument("--device", metavar="D", default="auto", help='"cpu", "cuda", ...; a GPU if there is one')
    parser.add_argument(
        "--on-bad-file",
        choices=("warn", "raise", "drop"),
        default="warn",
        help="images that cannot be read count as missing, stop the run, or drop their rows (default: warn)",
    )
    add_pretrained(parser)
    add_memory(parser)
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("-q", "--quiet", action="store_const", const=0, dest="verbose", help="say nothing but warnings")
    loud.add_argument("-v", "--verbose", action="store_const", const=2, dest="verbose", help="a line per epoch")
    parser.set_defaults(verbose=1)


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number such as 20 belongs here, not {word!r}") from None


def run(args: argparse.Namespace) -> int:
    """Fits, saves, shows the scores.

    Returns:
        0; 130 where Ctrl-C ended the search and the best so far was saved.

    Raises:
        ConfigError, DataError: errors in the call, the table, or about the output; all at once.
        KeyboardInterrupt: before there was anything to save.
    """
    errors = ErrorCollector()
    folder: Path = args.output or _default(args.table)
    kinds = column_kinds(args.kind, errors)
    _check_folder(folder, errors, overwrite=args.overwrite)
    model = _fitted(args, folder, kinds, errors)
    _save(model, folder)
    stopped = model.metadata["search"]["ended"] == "interrupted"
    if stopped:
        print(f"medley: interrupted; the best network so far is saved in {folder}", file=sys.stderr)
    elif args.verbose:
        print(f"saved in {folder}\n")
    if args.verbose:
        from medley.cli.tables import show_sections
        from medley.model.description import score_sections

        show_sections(score_sections(model.metadata))
    return 130 if stopped else 0


def _default(table: str) -> Path:
    name = Path(table.rstrip("/")).name
    return Path(f"{name.partition('.')[0] or name}-model")


def _check_folder(folder: Path, errors: ErrorCollector, *, overwrite: bool) -> None:
    """Makes sure that nothing but an older model or search is written over."""
    if folder.exists() and not folder.is_dir():
        errors.add(f"-o {folder} is a file; a model is a folder.")
    elif (folder / "model.json").is_file():
        if not overwrite:
            errors.add(f"{folder} holds a model already; give another folder with -o, or --overwrite.")
    elif folder.is_dir() and {one.name for one in folder.iterdir()} - {SEARCH}:
        errors.add(f"{folder} holds other files and no model, so nothing is written there; give another with -o.")


def _fitted(args: argparse.Namespace, folder: Path, kinds: dict[str, str], errors: ErrorCollector) -> Model:
    from medley.auto.table.arguments import check_search, understand
    from medley.auto.table.fit import fit

    roles = {"group": args.group, "time": args.time, "split": args.split, "sample_weight": args.weight}
    search = {
        "time_limit": args.time_limit,
        "max_trials": args.trials,
        "epochs": args.epochs,
        "seed": args.seed,
        "on_bad_file": args.on_bad_file,
        "verbose": args.verbose,
        "memory": args.memory,
    }
    table = {"inputs": args.input, "column_kinds": kinds, "root": args.root}
    pretrained = pretrained_of(args.pretrained)
    place = {"project_name": SEARCH, "directory": folder, "device": args.device}
    if errors.errors:  # reported with everything else that is wrong
        check_search(errors, **search, **(place if folder.is_dir() or not folder.exists() else {}))
        understand(errors, args.table, args.target, **table, roles=roles)
    return fit(
        args.table, args.target, **table, **roles, **search, **place, overwrite=args.overwrite, pretrained=pretrained
    )


def _save(model: Model, folder: Path) -> None:
    """Writes a model. At any moment the folder holds the old one, none, or the new one."""
    from medley.model.saving import DESCRIPTION

    fresh = folder / f".new-{os.getpid()}"
    try:
        model.save(fresh)
        # Without its description a folder holds no model; it goes first and comes last.
        (folder / DESCRIPTION).unlink(missing_ok=True)
        for file in sorted(fresh.iterdir(), key=lambda one: one.name == DESCRIPTION):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
