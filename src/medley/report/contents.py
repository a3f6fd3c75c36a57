"""Everything that a report shows, as one dict of plain values: computed here, drawn by the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medley.core.input import InputBlock, Preprocessing
from medley.model.privacy import WITHHELD, without_examples
from medley.report.data_section import data_section, drift_part
from medley.report.drawing import MOST_NODES, draw_graph
from medley.report.evidence import Evidence
from medley.report.example_rows import example_section
from medley.report.figures import table
from medley.report.importance_section import importance_section
from medley.report.reasons_section import reasons_section
from medley.report.reproduce import reproduce_section
from medley.report.target_sections import target_sections
from medley.report.training_section import training_section

if TYPE_CHECKING:
    from medley.model.model import Model

MOST_TARGETS = 20


@dataclass(frozen=True)
class Options:
    """What a report shows.

    Args:
        title: of the page.
        examples: whether cells and rows are shown.
    """

    title: str
    examples: bool = True


def contents(model: Model, evidence: Evidence | None, options: Options) -> dict[str, Any]:
    """The contents of a report.

    Args:
        model: a model.
        evidence: predictions for rows that the model has not learnt; None if there are none.
        options: what is shown.
    """
    examples = options.examples and not are_examples_withheld(model)
    view, metadata = (model.table, model.metadata) if examples else without_examples(model.table, model.metadata)
    names = {head: (view.targets.get(head, head) if view else head) for head in model.output_names}
    targets = target_sections(model, evidence, metadata)
    network = network_section(model)
    report: dict[str, Any] = {
        "title": options.title,
        "summary": _summary(model, evidence, targets, metadata),
        "targets": targets[:MOST_TARGETS],
        "importance": importance_section(model, evidence, names),
        "examples": None,
        "reasons": None,
        "data": {**data_section(model, view, metadata, examples=examples), "drift": None},
        "training": training_section(metadata),
        "network": network,
        "reproduce": reproduce_section(model, view, metadata),
    }
    if examples and evidence is not None and evidence.rows is not None:
        ranked = (report["importance"] or {}).get("ranked", ())
        report["examples"] = example_section(model, evidence, names, ranked)
        report["reasons"] = reasons_section(model, evidence, names)
    if evidence is not None:
        report["data"]["drift"] = drift_part(model, evidence)
    report["left_out"] = [*_left_out(report, model, evidence, options, examples=examples)]
    return report


def are_examples_withheld(model: Model) -> bool:
    """Whether a model was saved without example cells: then reports show none either."""
    return model.table is not None and any(guess.reason == WITHHELD for guess in model.table.schema.values())


def network_section(model: Model) -> dict[str, Any]:
    """The network as a drawing and as a table of its parts."""
    graph, steps = model.graph, {step.name: step for step in model.network.steps}
    rows, details = [], {}
    for node in graph.nodes():
        name = graph.names[id(node.block)]
        reads = ", ".join(graph.names[id(parent.block)] for parent in node.inputs)
        shape, count = "", None
        if name in steps and not isinstance(node.block, InputBlock | Preprocessing):
            count = sum(parameter.numel() for parameter in steps[name].module.parameters())
            shape = str(steps[name].out)
            details[name] = f"{shape} · {count:,}"
        rows.append([name, type(node.block).__name__, reads, shape, count])
    total = sum(parameter.numel() for parameter in model.network.parameters())
    return {
        "drawing": draw_graph(graph, details),
        "parameters": total,
        "tables": [table(["part", "block", "reads", "shape of a row", "parameters"], rows, "Parts")],
    }


def _summary(
    model: Model, evidence: Evidence | None, targets: list[dict[str, Any]], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    reads = f"{len(model.table.required):,} columns" if model.table else f"{len(model.input_names):,} inputs"
    predicted = ", ".join(section["name"] for section in targets[:5])
    more = f" and {len(targets) - 5:,} more" if len(targets) > 5 else ""
    rows = metadata.get("rows") or {}
    facts = [
        ("training rows", rows.get("train")),
        ("measured on", f"{evidence.size:,} rows" if evidence else "nothing"),
        ("parameters", sum(parameter.numel() for parameter in model.network.parameters())),
        ("seed", metadata.get("seed")),
    ]
    return {
        "sentence": f"Predicts {predicted}{more} from {reads}.",
        "origin": evidence.origin if evidence else None,
        "facts": [(name, value) for name, value in facts if value is not None],
    }


def _left_out(
    report: dict[str, Any], model: Model, evidence: Evidence | None, options: Options, *, examples: bool
) -> Any:
    for name in ("data", "training", "importance", "examples", "reasons"):
        yield from (report[name] or {}).get("left_out", [])
    for section in report["targets"]:
        yield from section["left_out"]
    if len(model.output_names) > MOST_TARGETS:
        yield f"{len(model.output_names) - MOST_TARGETS:,} more targets: see model.evaluate(table)."
    if report["network"]["drawing"] is None:
        yield f"The drawing of the network, which has more than {MOST_NODES} parts: the table of parts has them all."
    table_hint = "pass labelled rows: medley report MODEL TABLE, or model.report(path, table)"
    if evidence is None:
        yield f"Metrics with intervals, figures, importance and examples, which need rows: {table_hint}."
    elif evidence.rows is None:
        yield f"Importance and examples, which need the rows themselves: {table_hint}."
    if not examples:
        reason = (
            "the model was saved with examples=False" if options.examples else "the report was made with examples=False"
        )
        yield f"Example cells, reasons that may quote cells, and rows: {reason}."
