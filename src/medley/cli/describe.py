"""`medley describe`: what a model is made of, what it reads and predicts, and how good it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.models import load_any
from medley.cli.tables import number, show_table

if TYPE_CHECKING:
    from medley.core.codec import TargetCodec
    from medley.core.spec import Spec
    from medley.model.model import Model

_MOST_LABELS = 20
_MOST_ROWS = 10


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
    title, model = load_any(args.model)
    print(f"{title}\n\n{model.summary()}\n")
    _show_table(model)
    _show_inputs(model)
    _show_outputs(model)
    show_scores(model)
    _show_training(model)


def _show_table(model: Model) -> None:
    """What a model that was fitted to a table reads of it and predicts, and what was noticed."""
    view, facts = model.table, model.facts
    if view is None:
        return
    rows = [
        (name, view.schema[name].kind, feed.name, view.schema[name].becomes, view.schema[name].why)
        for feed in view.feeds
        for name in feed.columns
    ]
    rows += [(name, None, None, "left out", why) for name, why in facts.get("left_out", {}).items()]
    show_table("columns", ("column", "kind", "input", "becomes", "why"), rows)
    tasks = facts.get("tasks", {})
    told = [(name, *(tasks.get(name, {}).get(word) for word in ("kind", "why"))) for name in view.targets.values()]
    show_table("targets", ("target", "task", "why"), told)
    for leak in facts.get("leaks", []):
        print(f"warning: column {leak['column']!r} gives the target {leak['target']!r} away ({leak['how']}).\n")
    for name, found in facts.get("bad_rows", {}).items():
        shown = ", ".join(str(one["row"]) for one in found[:_MOST_ROWS]) + (", ..." if len(found) > _MOST_ROWS else "")
        print(f"{name}: {len(found):,} pictures could not be read and counted as missing, in rows {shown}.\n")
    if facts.get("dropped_rows"):
        print(f"{len(facts['dropped_rows']):,} rows were left out, as their pictures could not be read.\n")


def _show_inputs(model: Model) -> None:
    rows = [(one.input_name, one.name, type(one.codec).__name__, _values(one.codec.spec)) for one in model.sources]
    show_table("inputs", ("input", "encoded as", "codec", "one row"), rows)
    for source in model.sources:
        columns = source.codec.spec.columns
        if columns:
            told = [
                (one.name, one.kind, one.cardinality or None, len(one.bins) or None, _yes(one.missing))
                for one in columns
            ]
            names = ("column", "kind", "codes", "bin edges", "had gaps")
            show_table(f"columns of {source.input_name}", names, told, right=names[2:4])


def _values(spec: Spec) -> str:
    return f"{spec}, {spec.cardinality:,} codes" if spec.cardinality else str(spec)


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else ""


def _show_outputs(model: Model) -> None:
    rows = [(name, type(model.graph.heads[name]).__name__, _labels(model.targets[name])) for name in model.output_names]
    show_table("outputs", ("output", "head", "predicts"), rows)


def _labels(codec: TargetCodec) -> str:
    if codec.labels is None:
        width = len(codec.prior)
        return "a number" if width == 1 else f"{width} numbers"
    shown = ", ".join(map(repr, codec.labels[:_MOST_LABELS]))
    more = ", ..." if len(codec.labels) > _MOST_LABELS else ""
    return f"{len(codec.labels)} classes: {shown}{more}"


def show_scores(model: Model) -> None:
    """Scores of training and validation rows at the best epoch."""
    scores: dict[str, float] = model.facts.get("scores", {})
    if not scores:
        return
    names = list(dict.fromkeys(name.removeprefix("val_") for name in scores))
    rows = [(name, _score(scores.get(name)), _score(scores.get(f"val_{name}"))) for name in names]
    show_table("scores at the best epoch", ("score", "training", "validation"), rows, right=("training", "validation"))


def _score(value: float | None) -> str | None:
    return None if value is None else number(value)


def _show_training(model: Model) -> None:
    told: dict[str, Any] = {**model.facts.get("training", {})}
    if "epochs" in model.facts:
        told["epochs run"] = len(model.facts["epochs"])
    if "loss_weights" in model.facts and len(model.output_names) > 1:
        told["loss weights"] = ", ".join(f"{name} {number(one)}" for name, one in model.facts["loss_weights"].items())
    if "seed" in model.facts:
        told["seed"] = model.facts["seed"]
    rows = [
        (name.replace("_", " "), number(value) if isinstance(value, float) else value)
        for name, value in told.items()
        if value is not None
    ]
    if rows:
        show_table("training", ("setting", "value"), rows)
