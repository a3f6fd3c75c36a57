"""`medley fit`: train a model that predicts columns of a table, and save it."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import nullcontext, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.config import add_config, config_text, options_of
from medley.cli.inspect import add_table_arguments, column_kinds, missing_values
from medley.cli.json_output import add_json, print_json
from medley.cli.memory import add_memory
from medley.cli.options import add_device
from medley.cli.plan import add_plan, plan_of
from medley.cli.pretrained import add_pretrained, pretrained_of
from medley.cli.table_argument import add_table, name_of, table_of
from medley.errors import ErrorCollector

if TYPE_CHECKING:
    from medley.model.model import Model

SEARCH = "search"
"""The name of the search's folder inside the model directory."""

_EXAMPLES = """\
examples:
  medley fit pets.csv --target breed --target price
  medley fit pets.csv --target price -o pets-model --time-limit 1h --seed 7
  medley fit visits.parquet --target bill --time date --kind ward=category --input age --input ward --input date
  medley fit houses.csv --target price --root photos --on-bad-file drop
  medley fit new-pets.csv --from pets-model -o pets-model-2
  medley fit pets.csv --target price --plan pets-model -o pets-model-again
  medley fit pets.csv --target price --epochs 20 --save-config run.yaml
  medley fit --config run.yaml --epochs 40 -o longer-model

MODEL_DIR contains the model and, in search/, the trials: see medley describe MODEL_DIR and
medley trials MODEL_DIR/search. To resume a search that was killed, run the same command again: a trial continues in the
middle of an epoch. Ctrl-C, SIGTERM and SIGHUP end the search, save the best network so far and exit with code 130; the
same command with --resume continues such a search, or adds trials to one that has ended.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    add_table(parser)
    add_table_arguments(parser)
    parser.add_argument(
        "-o", "--output", metavar="MODEL_DIR", type=Path, help="the model directory (default: FILE-model)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing model, and start a new search")
    parser.add_argument(
        "--from",
        metavar="MODEL",
        dest="start",
        help="train this saved model further, on the rows of FILE, instead of a new one",
    )
    parser.add_argument(
        "--new-classes",
        choices=["refuse", "add"],
        help="with --from: what to do with classes that the model does not know (default: refuse)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the search in MODEL_DIR, over the same table and with the same options, and replace its model",
    )
    parser.add_argument(
        "--input",
        metavar="NAME",
        action="append",
        help="an input column; may be given several times (default: all columns but targets)",
    )
    parser.add_argument("--group", metavar="COLUMN", help="rows with the same value are kept together in the split")
    parser.add_argument("--time", metavar="COLUMN", help="the latest rows are used for validation")
    parser.add_argument(
        "--split",
        metavar="COLUMN",
        help='a column with "train", "validation" or "test" for each row, or true and false (is_train, is_test)',
    )
    parser.add_argument(
        "--weight",
        metavar="[TARGET=]COLUMN",
        action="append",
        default=[],
        help="a column with the weight of each row; may be given several times, for one target each",
    )
    _add_search_arguments(parser)


def _add_search_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--private",
        metavar="COLUMN",
        action="append",
        default=[],
        help="a column whose words are replaced by codes before anything is learned or saved; may be repeated",
    )
    parser.add_argument(
        "--time-limit",
        metavar="T",
        default="10m",
        help="the time for the search, such as 90s, 10m, 1h30m (default: 10m)",
    )
    parser.add_argument(
        "--trials",
        "--max-trials",
        metavar="N",
        type=_whole_number,
        help="the number of networks to try (default: as many as fit into the time limit)",
    )
    parser.add_argument(
        "--epochs",
        metavar="N",
        type=_whole_number,
        help="the maximum epochs per training (default: depends on the number of rows)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=_whole_number, help="the same seed gives the same result (default: 0)"
    )
    add_device(parser)
    parser.add_argument(
        "--executor",
        metavar="E",
        help='where networks are trained: "serial", "stacked" (equal ones together), "processes" of '
        'this machine, "files" (medley worker) or "ray"',
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_whole_number,
        help="the number of networks that are trained at the same time (default: one per CPU core)",
    )
    parser.add_argument(
        "--ranks",
        metavar="N",
        type=_whole_number,
        help="the number of processes of a cluster that train each network together, with --executor ray (default: 1)",
    )
    parser.add_argument(
        "--on-bad-file",
        choices=("warn", "raise", "drop"),
        default="warn",
        help="for files that cannot be read: warn and treat them as missing, stop with an error, or drop their rows "
        "(default: warn)",
    )
    add_pretrained(parser)
    parser.add_argument(
        "--no-local-means",
        action="store_false",
        dest="local_means",
        help="store no training rows in the model, from which targets of neighbouring rows are averaged",
    )
    add_memory(parser)
    add_plan(parser)
    add_config(parser)
    add_json(parser)
    verbosity = parser.add_mutually_exclusive_group()
    verbosity.add_argument("-q", "--quiet", action="store_const", const=0, dest="verbose", help="print warnings only")
    verbosity.add_argument(
        "-v", "--verbose", action="store_const", const=2, dest="verbose", help="print a line per epoch"
    )
    parser.set_defaults(verbose=1, options=partial(options_of, parser))


def _weights(weights: list[str], errors: ErrorCollector) -> str | dict[str, str] | None:
    """The columns of weights: one for all targets, or one by target."""
    if len(weights) == 1 and "=" not in weights[0]:
        return weights[0]
    for weight in weights:
        if "=" not in weight:
            errors.add(f"--weight {weight} is for all targets; with several, write --weight TARGET={weight}.")
    return dict(weight.split("=", 1) for weight in weights if "=" in weight) or None


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, such as 20, got {text!r}") from None


def run(args: argparse.Namespace) -> int:
    """Train and save a model, and print its scores.

    Returns:
        0; 130 if Ctrl-C ended the search and the best network so far was saved.

    Raises:
        ConfigError, DataError: arguments, table or output are invalid; all errors are reported at once.
        KeyboardInterrupt: Ctrl-C was pressed before there was anything to save.
    """
    errors = args.config.errors if args.config else ErrorCollector()
    folder: Path = args.output or Path(f"{name_of(args)}-model")
    if args.save_config is not None:
        args.save_config.write_text(config_text(args.options(args), "# medley fit --config\n"), encoding="utf-8")
    if args.start is not None:
        from medley.cli.fit_more import run as run_more

        _check_folder(folder, errors, is_replaced=args.overwrite)
        return run_more(args, folder, errors)
    if args.new_classes is not None:
        errors.add("--new-classes needs --from MODEL: a new model has all classes of its table.")
    if args.ranks is not None and args.executor != "ray":
        errors.add(
            "--ranks needs --executor ray; processes of other clusters are started with torchrun (docs/scale.md)."
        )
    kinds = column_kinds(args.kind, errors)
    if args.resume and args.overwrite:
        errors.add("--resume continues a search, and --overwrite starts a new one; choose one of them.")
    _check_folder(folder, errors, is_replaced=args.overwrite or args.resume)
    with redirect_stdout(sys.stderr) if args.json else nullcontext():
        model = _fit(args, folder, kinds, errors)
    model.save(folder)
    is_interrupted = model.metadata["search"]["ended"] == "interrupted"
    if is_interrupted:
        print(
            f"medley: interrupted; the best network so far is saved in {folder}. The same command with --resume "
            "continues.",
            file=sys.stderr,
        )
    elif args.verbose and not args.json:
        print(f"saved in {folder}\n")
    if args.json:
        metadata = {key: model.metadata.get(key) for key in ("scores", "tasks", "left_out", "leaks", "search", "plan")}
        print_json({"model": folder, "rows": model.metadata.get("rows"), **metadata})
    elif args.verbose:
        from medley.cli.tables import show_sections
        from medley.model.description import score_sections

        show_sections(score_sections(model.metadata))
    return 130 if is_interrupted else 0


def _check_folder(folder: Path, errors: ErrorCollector, *, is_replaced: bool) -> None:
    """Check that no files are overwritten except those of an older model or search."""
    if folder.exists() and not folder.is_dir():
        errors.add(f"-o {folder} is a file; a model directory is needed.")
    elif (folder / "model.json").is_file():
        if not is_replaced:
            errors.add(
                f"{folder} contains a model already; choose another folder with -o, or --overwrite, or --resume to "
                "continue its search."
            )
    elif folder.is_dir() and not all(entry.name == SEARCH or _is_ours(entry.name) for entry in folder.iterdir()):
        errors.add(f"{folder} contains other files and no model; choose another folder with -o.")


def _is_ours(name: str) -> bool:
    """Whether a file is one that a killed process left while it saved a model, maybe of an earlier version."""
    from medley.model.files import is_model_file

    return is_model_file(name) or re.fullmatch(r"\.new-\d+", name) is not None


def _execution(args: argparse.Namespace) -> dict[str, Any]:
    """The arguments `executor` and `workers` of `fit`."""
    if args.ranks is None or args.executor != "ray":  # otherwise reported by now
        return {"executor": args.executor, "workers": args.workers}
    from medley.search.execute.ray_executor import Ray

    return {"executor": Ray(args.workers, ranks=args.ranks)}


def _fit(args: argparse.Namespace, folder: Path, kinds: dict[str, str], errors: ErrorCollector) -> Model:
    from medley.auto.table.arguments import check_search, read_and_design
    from medley.auto.table.fit import fit

    roles = {
        "group": args.group,
        "time": args.time,
        "split": args.split,
        "sample_weight": _weights(args.weight, errors),
    }
    search = {
        "time_limit": args.time_limit,
        "max_trials": args.trials,
        "epochs": args.epochs,
        "seed": args.seed,
        "on_bad_file": args.on_bad_file,
        "verbose": args.verbose,
        "memory": args.memory,
        "plan": plan_of(args.plan, errors),
    }
    missing = missing_values(args, errors)
    table = {"inputs": args.input, "column_kinds": kinds, "missing_values": missing, "root": args.root}
    table["private"] = args.private
    pretrained = pretrained_of(args.pretrained)
    source = table_of(args, args.target)
    output = {"project_name": SEARCH, "directory": folder, "device": args.device}
    if errors.errors:  # reported together with all other errors
        check_search(errors, **search, **(output if folder.is_dir() or not folder.exists() else {}))
        read_and_design(errors, source, args.target, **table, roles=roles)
    output |= {"overwrite": args.overwrite, "resume": args.resume, **_execution(args)}
    output |= {"pretrained": pretrained, "local_means": args.local_means}
    return fit(source, args.target, **table, **roles, **search, **output)
