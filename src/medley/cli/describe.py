"""`medley describe`: show a saved model: architecture, columns, scores."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.models import load_any
from medley.cli.tables import show_sections

_EXAMPLES = """\
examples:
  medley describe pets-model        a folder written by Model.save
  medley describe houses-model      a folder written by medley fit: also columns, kinds, leaks
  medley describe my_project        the best trial of the search in this folder
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a saved model, or the folder of a search")


def run(args: argparse.Namespace) -> None:
    """Print the description of a model.

    Raises:
        ArtifactError: the folder has neither a model nor a search with a model.
    """
    from medley.model.description import sections

    title, model = load_any(args.model)
    print(f"{title}\n\n{model.summary()}\n")
    show_sections(sections(model.graph, model.sources, model.targets, model.metadata, model.table))
