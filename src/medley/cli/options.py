"""Python arguments -> command-line options, so that messages name the option that the user typed."""

from __future__ import annotations

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
    "root": "--root",
    "on_bad_file": "--on-bad-file",
    "overwrite": "--overwrite",
    "memory": "--memory",
    "pretrained": "--pretrained",
    "plan": "--plan",
    "private": "--private",
    "project_name": "-o",
}
