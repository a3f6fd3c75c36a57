"""How models, searches, graphs, schemas and histories are shown in notebooks: parts of the report, in a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from medley.core.input import InputBlock
from medley.core.registry import register
from medley.errors import NotFittedError
from medley.report.drawing import draw_graph
from medley.report.figures import table
from medley.report.render import render_view
from medley.report.result_views import affinity_view, importance_view

if TYPE_CHECKING:
    from medley.graph.graph import Graph
    from medley.model.model import Model
    from medley.model.records import History
    from medley.tables.columns.schema import Schema

View = dict[str, Any]


@register("report.notebook")
def notebook(thing: Any) -> str:
    """HTML that shows an object of medley in a notebook.

    Args:
        thing: a `Model`, `Graph`, `Schema`, `History`, `Importance` or `TaskAffinity`.
    """
    name = next(base.__name__ for base in type(thing).__mro__ if base.__name__ in _VIEWS)
    return render_view(_VIEWS[name](thing))


def search_view(graph: Graph, best: Callable[[], Model], title: str) -> str:
    """HTML that shows the best model of a search, or the graph before anything is trained.

    Args:
        graph: as declared.
        best: returns the best model, or raises `NotFittedError`.
        title: of the view.
    """
    try:
        view = _model(best())
    except NotFittedError:
        view = {**_graph(graph), "note": "Nothing is fitted yet; call fit."}
    return render_view({**view, "title": title})


def new_view(title: str, **parts: Any) -> View:
    """A view for `render_view`; parts that are left out are empty."""
    empty = {"note": "", "facts": [], "figures": [], "open_tables": [], "tables": [], "drawing": None}
    return {"title": title, **empty, **parts}


def _model(model: Model) -> View:
    from medley.report.contents import network_section
    from medley.report.data_section import data_section
    from medley.report.training_section import training_section

    network = network_section(model)
    data = data_section(model, model.table, model.metadata, examples=True)
    training = training_section(model.metadata)
    return new_view(
        "Model",
        note=repr(model).removeprefix("Model(").removesuffix(")"),
        facts=[*data["facts"], *training["facts"]],
        open_tables=[_scores(model.metadata)],
        figures=training["figures"],
        tables=[*data["tables"], *training["tables"], *network["tables"]],
        drawing=network["drawing"],
    )


def _scores(metadata: Mapping[str, Any]) -> dict[str, Any]:
    scores = metadata.get("scores") or {}
    names = dict.fromkeys(name.removeprefix("val_") for name in scores)
    rows = [[name.replace("_", " "), scores.get(name), scores.get(f"val_{name}")] for name in names]
    return table(["score", "training rows", "validation rows"], rows)


def _graph(graph: Graph) -> View:
    rows = [
        [
            graph.names[id(node.block)],
            type(node.block).__name__,
            ", ".join(graph.names[id(parent.block)] for parent in node.inputs),
            "" if isinstance(node.block, InputBlock) else repr(node.block)[:200],
        ]
        for node in graph.nodes()
    ]
    parts = table(["part", "block", "reads", "declaration"], rows, "Parts")
    return new_view("Graph", drawing=draw_graph(graph), tables=[parts])


def _schema(schema: Schema) -> View:
    rows = [
        [
            guess.name,
            guess.kind,
            guess.confidence,
            100 * guess.missing,
            guess.distinct,
            guess.reason,
            ", ".join(guess.examples[:3]),
        ]
        for guess in schema.values()
    ]
    columns = ["column", "kind", "confidence", "missing %", "distinct", "reason", "examples"]
    return new_view("Schema", note=f"{len(schema):,} columns", open_tables=[table(columns, rows)])


def _history(history: History) -> View:
    from medley.report.training_section import curves

    records = [record.to_json() for record in history.records]
    values = {name: numbers[-1] for name, numbers in history.history.items()}
    best = {name: min(numbers) for name, numbers in history.history.items() if name.endswith("loss")}
    rows = [[name, value, best.get(name)] for name, value in values.items()]
    scores = table(["", "last epoch", "lowest"], rows, "Scores")
    return new_view(
        "History", facts=[("epochs", len(records))], figures=curves(records) if records else [], tables=[scores]
    )


_VIEWS: dict[str, Callable[[Any], View]] = {
    "Model": _model,
    "Graph": _graph,
    "Schema": _schema,
    "History": _history,
    "Importance": lambda result: new_view(**importance_view(result)),
    "TaskAffinity": lambda result: new_view(**affinity_view(result)),
}
