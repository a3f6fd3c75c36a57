"""Options that several commands have; Python arguments -> options, so that messages name what the user typed."""

from __future__ import annotations

import argparse

OPTIONS = {
    "targets": "--target",
    "inputs": "--input",
    "group": "--group",
    "time": "--time",
    "split": "--split",
    "sample_weight": "--weight",
    "column_kinds": "--kind",
    "column_types": "--kind",
    "time_limit": "--time-limit",
    "max_trials": "--trials",
    "epochs": "--epochs",
    "seed": "--seed",
    "device": "--device",
    "executor": "--executor",
    "workers": "--workers",
    "ranks": "--ranks",
    "root": "--root",
    "on_bad_file": "--on-bad-file",
    "on_unreadable": "--on-unreadable",
    "missing_values": "--missing",
    "overwrite": "--overwrite",
    "memory": "--memory",
    "header": "--header",
    "connection": "--connection",
    "pretrained": "--pretrained",
    "plan": "--plan",
    "private": "--private",
    "project_name": "-o",
    "directory": "-o",
    "resume": "--resume",
    "groups": "--together",
    "repeats": "--repeats",
    "folds": "--folds",
    "max_rows": "--rows",
    "interval": "--interval",
    "metric": "--metric",
    "precision": "--precision",
    "recall": "--recall",
    "threshold": "--at",
    "costs": "--costs",
    "positive": "--positive",
}


def add_on_unreadable(parser: argparse.ArgumentParser) -> None:
    """Add the option for cells that cannot be read."""
    parser.add_argument(
        "--on-unreadable",
        choices=("warn", "raise"),
        default="warn",
        help="for cells that cannot be read as the kind of their column: warn and treat them as missing, or stop with "
        "an error (default: warn)",
    )


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add -q and -v, unless the command has them: `verbose` is 0, 1 or 2."""
    if "-q" in parser._option_string_actions or "-v" in parser._option_string_actions:
        return
    verbosity = parser.add_mutually_exclusive_group()
    verbosity.add_argument(
        "-q", "--quiet", action="store_const", const=0, dest="verbose", help="no progress and no notes; warnings stay"
    )
    verbosity.add_argument(
        "-v", "--verbose", action="store_const", const=2, dest="verbose", help="more lines, and the time that was taken"
    )
    parser.set_defaults(verbose=1)


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add `--root`, the folder of files that cells name."""
    parser.add_argument(
        "--root", metavar="DIR", help="relative paths in cells start from here (default: the folder of the table)"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device", metavar="D", default="auto", help='"cpu", "cuda", ... (default: a GPU if there is one)'
    )
