"""`medley describe`: show a saved model: architecture, columns, scores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json, print_json
from medley.cli.models import load_any
from medley.cli.tables import show_sections

if TYPE_CHECKING:
    from medley.model.model import Model

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
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the description of a model.

    Raises:
        ArtifactError: the folder has neither a model nor a search with a model.
    """
    from medley.model.costs import described

    title, model = load_any(args.model)
    if args.json:
        print_json({"model": title, **document(model)})
        return
    print(f"{title}\n\n{model.summary()}\n")
    parts = (model.graph, model.sources, model.targets, model.metadata, model.table, model.network, model.device)
    show_sections(described(*parts))


def document(model: Model) -> dict[str, Any]:
    """A model as JSON values: its parts and their costs, columns, inputs, outputs, network, all of its metadata."""
    from medley.model.costs import part_costs

    costs = part_costs(model.sources, model.network, model.metadata, model.device)
    view = model.table
    columns = [] if view is None else [(feed.name, view.schema[name]) for feed in view.feeds for name in feed.columns]
    return {
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "parts": [cost._asdict() for cost in costs],
        "columns": [
            {"column": guess.name, "kind": guess.kind, "input": name, "reason": guess.reason} for name, guess in columns
        ],
        "inputs": [
            {"input": source.input_name, "encoding": source.name, "codec": type(source.codec).__name__}
            for source in model.sources
        ],
        "outputs": [
            {
                "output": name,
                "target": None if view is None else view.targets[name],
                "head": type(head).__name__,
                "classes": model.targets[name].labels,
            }
            for name, head in model.graph.heads.items()
        ],
        "metadata": model.metadata,
    }
