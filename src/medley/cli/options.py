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
    "max_rows": "--rows",
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
