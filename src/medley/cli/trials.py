"""`medley trials`: a line per trial of a search."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "project", metavar="PROJECT_DIR", type=Path, help="the folder of a search: directory/project_name"
    )
    parser.add_argument("--best", metavar="N", type=int, help="only the N best, the best first")


def run(args: argparse.Namespace) -> None:
    """Prints the trials.

    Raises:
        ArtifactError: there is no project.
    """
    store = open_project(args.project)
    results = store.results()
    best = store.best()
    shown = results if args.best is None else ranked(results)[: args.best]
    first = results[0].params if results else {}
    columns = ("trial", "state", "score", "epochs", "seconds", "parameters", "why it ended", "other than trial 0")
    rows = [_row(one, first, star="*" if one.number == best else "") for one in shown]
    title = f"{args.project}: {len(results)} trials; the smaller the score the better, * the best that is kept"
    show_table(title, columns, rows, right=("trial", "score", "epochs", "seconds", "parameters"))


def ranked(results: Sequence[TrialResult]) -> list[TrialResult]:
    """Trials that ended well, the best first."""
    done = [one for one in results if one.state == "complete"]
    return sorted(done, key=lambda one: (one.score, one.number))


def open_project(folder: Path) -> Store:
    """The project in a folder.

    Raises:
        ArtifactError: there is none; names those one level below.
    """
    from medley.search.store import Store

    store = Store(folder)
    if store.exists:
        return store
    below = sorted(str(one.parent) for one in folder.glob("*/project.json")) if folder.is_dir() else []
    way = f" There is one in {', '.join(below)}." if below else ""
    raise ArtifactError(f"{folder} holds no project of a search: project.json is missing.{way}")


def _row(result: TrialResult, first: Mapping[str, Any], star: str) -> tuple[Any, ...]:
    reason = None if result.reason == result.state else result.reason
    return (
        f"{star}{result.number}",
        result.state,
        format_number(result.score),
        len(result.records),
        f"{result.seconds:.1f}",
        f"{result.size:,}",
        reason,
        _changes(result.params, first),
    )


def _changes(params: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    # Trial 0 took the defaults: what another did differently is what tells it apart.
    return ", ".join(f"{name}={_short(value)}" for name, value in params.items() if first.get(name) != value)


def _short(value: Any) -> str:
    return format_number(value) if isinstance(value, float) else str(value)
