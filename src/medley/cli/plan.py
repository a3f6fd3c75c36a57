"""The option --plan: the plan of an earlier training, from a file or a saved model."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medley.errors import ErrorCollector

_KEYS = ("metadata", "plan")
"""The way to the plan in the description of a saved model."""


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add the option to a command."""
    parser.add_argument(
        "--plan",
        metavar="FILE",
        type=Path,
        help="repeat an earlier training without a clock: a saved model, or a JSON file with its plan "
        "(--time-limit is ignored)",
    )


def plan_of(path: Path | None, errors: ErrorCollector) -> Mapping[str, Any] | None:
    """The plan that the option names; None without the option, or where it holds none, which adds an error.

    Args:
        path: a model directory, its `model.json`, or a JSON file that holds the metadata or the plan alone.
        errors: collects what is wrong.
    """
    if path is None:
        return None
    from medley.model.files import DESCRIPTION

    file = path / DESCRIPTION if path.is_dir() else path
    if not file.is_file():
        problem = "is a folder without a saved model" if path.is_dir() else "is not a file or folder"
        errors.add(f"{path} {problem}; name a saved model or a JSON file.", argument="plan")
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        errors.add(f"{file} cannot be read as JSON: {error}.", argument="plan")
        return None
    for key in _KEYS:
        content = content.get(key, content) if isinstance(content, Mapping) else content
    if isinstance(content, Mapping) and "epochs" in content:
        return content
    errors.add(f"{file} holds no plan; a saved model of a table holds one.", argument="plan")
    return None
