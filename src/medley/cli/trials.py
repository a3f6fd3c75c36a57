"""`medley trials`: list the trials of a search."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json, print_json
from medley.cli.tables import show_table
from medley.errors import ArtifactError
from medley.model.description import format_number

if TYPE_CHECKING:
    from medley.search.store import Store
    from medley.search.trial import TrialResult


_EXAMPLES = """\
examples:
  medley trials my_project
  medley trials my_project --best 3
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "project", metavar="PROJECT_DIR", type=Path, help="the folder of a search: directory/project_name"
    )
    parser.add_argument("--best", metavar="N", type=int, help="show only the N best trials, the best first")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the trials.

    Raises:
        ArtifactError: the folder contains no search.
    """
    store = open_project(args.project)
    results = store.results()
    best = store.best()
    shown = results if args.best is None else ranked(results)[: args.best]
    if args.json:
        print_json({"project": args.project, "best": best, "trials": [_document(result) for result in shown]})
        return
    defaults = results[0].params if results else {}
    columns = ("trial", "state", "score", "epochs", "seconds", "parameters", "reason", "differences from trial 0")
    rows = [_row(result, defaults, star="*" if result.number == best else "") for result in shown]
    title = f"{args.project}: {len(results)} trials; smaller scores are better, * marks the best saved trial"
    show_table(title, columns, rows, right=("trial", "score", "epochs", "seconds", "parameters"))


def ranked(results: Sequence[TrialResult]) -> list[TrialResult]:
    """The complete trials, the best first."""
    complete = [result for result in results if result.state == "complete"]
    return sorted(complete, key=lambda result: (result.score, result.number))


def open_project(folder: Path) -> Store:
    """Open the project in a folder.

    Raises:
        ArtifactError: there is none; the message names projects one level below.
    """
    from medley.search.store import Store

    store = Store(folder)
    if store.exists:
        return store
    subprojects = sorted(str(path.parent) for path in folder.glob("*/project.json")) if folder.is_dir() else []
    hint = f" There is one in {', '.join(subprojects)}." if subprojects else ""
    raise ArtifactError(f"{folder} contains no search: project.json is missing.{hint}")


def _document(result: TrialResult) -> dict[str, Any]:
    return {
        "trial": result.number,
        "state": result.state,
        "score": result.score,
        "epochs": len(result.records),
        "seconds": result.seconds,
        "parameters": result.size,
        "reason": result.reason,
        "hyperparameters": result.params,
    }


def _row(result: TrialResult, defaults: Mapping[str, Any], star: str) -> tuple[Any, ...]:
    reason = None if result.reason == result.state else result.reason
    return (
        f"{star}{result.number}",
        result.state,
        format_number(result.score),
        len(result.records),
        f"{result.seconds:.1f}",
        f"{result.size:,}",
        reason,
        _changes(result.params, defaults),
    )


def _changes(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    # Trial 0 has the default hyperparameters; the others are described by their differences from it.
    return ", ".join(f"{name}={_format(value)}" for name, value in params.items() if defaults.get(name) != value)


def _format(value: Any) -> str:
    return format_number(value) if isinstance(value, float) else str(value)
