"""Why single rows are predicted as they are: what columns, words and pixels added, for a few rows of each target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.model.attribution import Attribution
from medley.report.attribution import Explainer
from medley.report.attribution_html import attribution_view
from medley.report.evidence import Evidence, TaskEvidence
from medley.report.example_rows import MOST_TARGETS, example_groups, row_number, truth_at

if TYPE_CHECKING:
    from medley.model.model import Model

SECONDS = 6.0
"""For all rows together; the first row of each target comes first."""

SAMPLES, STEPS = 16, 8
BACKGROUND = 50
"""Rows from which those are drawn that a row is compared with."""

MOST_BARS = 12


def reasons_section(model: Model, evidence: Evidence, names: Mapping[str, str]) -> dict[str, Any]:
    """The section on single predictions: of each target, the first row of each group of examples.

    Args:
        model: a model.
        evidence: with the rows themselves.
        names: head name -> name of the target.
    """
    assert evidence.rows is not None
    end = monotonic() + SECONDS
    chosen = list(_rows_to_explain(evidence))
    section: dict[str, Any] = {"items": [], "left_out": []}
    if not chosen:
        return section
    positions = np.array([row.position for row in chosen])
    others = np.setdiff1d(np.random.default_rng(0).permutation(evidence.rows.size)[:BACKGROUND], positions)
    background = evidence.rows.take(others) if len(others) else None
    explainer = Explainer.of(evidence.rows.take(positions), background, SAMPLES, STEPS, seed=0)
    private = set() if model.table is None else set(model.table.private)
    for place, row in enumerate(chosen):
        if monotonic() > end:
            left = len(chosen) - place
            section["left_out"].append(f"Reasons for {left} more rows, for want of time: model.attribute(rows).")
            break
        (item,) = explainer.explain(place, [row.head], row.label)
        item = replace(item, row=row_number(evidence, row.position), target=names[row.head])
        view = attribution_view(_without_cells_of(item, private), MOST_BARS)
        section["items"].append(
            {
                **view,
                "group": f"{names[row.head]}: {row.title}",
                "truth": truth_at(evidence, row.head, row.position),
            }
        )
    return section


@dataclass(frozen=True)
class _ChosenRow:
    """A row whose prediction is explained.

    Args:
        head: of the target.
        title: of the group of examples that it is the first row of.
        position: among all rows.
        label: whose probability is explained; None for the most probable one.
    """

    head: str
    title: str
    position: int
    label: Any = None


def _rows_to_explain(evidence: Evidence) -> Iterator[_ChosenRow]:
    """The first row of each group of examples: one group of every target, then others."""
    by_head: dict[str, list[_ChosenRow]] = {}
    for head in list(evidence.tasks)[:MOST_TARGETS]:
        part = evidence.tasks[head].learned()
        by_head[head] = [
            _ChosenRow(head, title, int(part.rows[places[0]]), _label(part, int(places[0])))
            for title, places in example_groups(part)[::-1]
            if len(places)
        ]
    for number in range(max(map(len, by_head.values()), default=0)):
        for chosen in by_head.values():
            yield from chosen[number : number + 1]


def _label(part: TaskEvidence, place: int) -> Any:
    """Of a set of labels, the one that is wrong by most; where all are right, the most probable one."""
    if not part.is_label_set or part.labels is None:
        return None
    probabilities, is_wrong = part.probabilities[place], part.predicted_labels[place] != part.classes[place]
    differences = np.where(is_wrong, np.abs(probabilities - part.classes[place]), 0)
    return part.labels[int(np.argmax(differences if is_wrong.any() else probabilities))]


def _without_cells_of(item: Attribution, private: set[str]) -> Attribution:
    """An attribution that shows neither cells nor words of private columns."""
    parts = [
        replace(part, cell="private", words=(), heat=None, shown=None) if part.column in private else part
        for part in item.parts
    ]
    return replace(item, parts=tuple(parts))
