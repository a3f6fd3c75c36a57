"""The model card: what a model is, what it was measured on, and its limits (Mitchell et al., FAT* 2019)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from medley import __version__
from medley.report.render import shown


def card_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """The card of a model.

    Args:
        report: as `contents` returns it.

    Returns:
        `head` (for a YAML head, with the keys of model hubs), `title`, and `sections` of lines of text.
    """
    measured = [section for section in report["targets"] if section["headline"]]
    details = [
        report["summary"]["sentence"],
        f"Network of {report['network']['parameters']:,} parameters, trained with medley.",
    ]
    use = [
        "Rows of the kind that it was trained on. Rows may lack inputs; they count as missing.",
        "Before it decides about people, check by group of persons what the metrics below say of all.",
    ]
    training = [f"{name}: {shown(value)}" for name, value in report["data"]["facts"]]
    training += [report["data"]["split"]] if report["data"]["split"] else []
    metrics = [
        f"{section['name']}: {section['headline']['metric']} {shown(section['headline']['value'])} "
        f"(95 % interval {section['headline']['interval']}"
        + "".join(f"; {part['name']} {shown(part['value'])}" for part in section["headline"]["baselines"])
        + f"), {section['headline']['verdict']}."
        for section in measured
    ]
    if report["summary"]["origin"]:
        metrics.insert(0, f"Measured on {report['summary']['origin']}.")
    limits = [*report["data"]["warnings"]]
    limits += [
        f"{part['name']}: {part['headline']['verdict']}." for part in measured if not part["headline"]["is_good"]
    ]
    limits += ["Nothing is known of rows of another origin: measure again on a sample of them (medley evaluate)."]
    sections = [
        {"title": "Model", "lines": details},
        {"title": "Intended use", "lines": use},
        {"title": "Training data", "lines": training or ["Not recorded."]},
        {"title": "Metrics", "lines": metrics or ["Not measured."]},
        {"title": "Limits", "lines": limits},
    ]
    return {"head": _hub_head(report, measured), "title": report["title"], "sections": sections}


def _hub_head(report: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys by which model hubs find a model, with the metrics of its measured targets."""
    results = [
        {
            "task": {"type": str(part["kind"]), "name": part["name"]},
            "dataset": {"type": "table", "name": report["summary"]["origin"] or "unknown"},
            "metrics": [{"type": part["headline"]["metric"], "value": part["headline"]["value"]}],
        }
        for part in measured
    ]
    return {
        "library_name": "medley",
        "tags": ["medley", "multi-modal", "multi-task", *sorted({str(part["kind"]) for part in report["targets"]})],
        "model-index": [{"name": report["title"], "results": results}],
    }


def markdown(card: Mapping[str, Any]) -> str:
    """A card as Markdown with a YAML head.

    Args:
        card: as `card_of` returns it.
    """
    lines = ["---", *_yaml(card["head"]), "---", "", f"# {_escaped(card['title'])}"]
    for section in card["sections"]:
        lines += ["", f"## {section['title']}", "", *(f"- {_escaped(line)}" for line in section["lines"])]
    return "\n".join([*lines, "", f"Made by medley {__version__}.", ""])


def _yaml(head: Mapping[str, Any]) -> list[str]:
    """YAML lines: JSON is YAML, and quotes whatever stands in a name."""
    return [f"{key}: {json.dumps(value, ensure_ascii=True)}" for key, value in head.items()]


def _escaped(text: str) -> str:
    r"""Text in which nothing is Markdown or HTML.

    >>> _escaped("a|b <i> *c*")
    'a\\|b &lt;i&gt; \\*c\\*'
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", text)
