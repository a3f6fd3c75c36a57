"""`medley describe`: what a model is made of, what it reads and predicts, and how good it is."""

from __future__ import annotations

import argparse
from pathlib import Path

from medley.cli.models import load_any
from medley.cli.tables import show_sections

_EXAMPLES = """\
examples:
  medley describe pets-model        a folder that Model.save wrote
  medley describe houses-model      a folder that medley fit wrote: columns, kinds and leaks too
  medley describe my_project        the best trial of the search that wrote this folder
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this verb's arguments."""
    parser.epilog = _EXAMPLES
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="a saved model, or the folder of a search")


def run(args: argparse.Namespace) -> None:
    """Prints the description.

    Raises:
        ArtifactError: there is neither a model nor a finished project.
    """
    from medley.model.description import sections

    title, model = load_any(args.model)
    print(f"{title}\n\n{model.summary()}\n")
    show_sections(sections(model.graph, model.sources, model.targets, model.metadata, model.table))
