"""Why single rows are predicted as they are: what columns, words and pixels added, for a few rows of each target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.model.attribution import Attribution
from medley.report.attribution import Explainer
from medley.report.attribution_html import attribution_view
from medley.report.evidence import Evidence
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
    positions = np.array([position for _, _, position in chosen])
    others = np.setdiff1d(np.random.default_rng(0).permutation(evidence.rows.size)[:BACKGROUND], positions)
    background = evidence.rows.take(others) if len(others) else None
    explainer = Explainer.of(evidence.rows.take(positions), background, SAMPLES, STEPS, seed=0)
    private = set() if model.table is None else set(model.table.private)
    for place, (head, title, position) in enumerate(chosen):
        if monotonic() > end:
            left = len(chosen) - place
            section["left_out"].append(f"Reasons for {left} more rows, for want of time: model.attribute(rows).")
            break
        (item,) = explainer.explain(place, [head], None)
        item = replace(item, row=row_number(evidence, position), target=names[head])
        view = attribution_view(_without_cells_of(item, private), MOST_BARS)
        section["items"].append(
            {**view, "group": f"{names[head]}: {title}", "truth": truth_at(evidence, head, position)}
        )
    return section


def _rows_to_explain(evidence: Evidence) -> Iterator[tuple[str, str, int]]:
    """Head, title of a group of examples, and position of its first row: one group of every target, then others."""
    by_head: dict[str, list[tuple[str, int]]] = {}
    for head in list(evidence.tasks)[:MOST_TARGETS]:
        part = evidence.tasks[head].learned()
        groups = [(title, places) for title, places in example_groups(part) if len(places)]
        if not part.is_label_set:  # which of several labels is to be explained is for the reader to say
            by_head[head] = [(title, int(part.rows[places[0]])) for title, places in groups[::-1]]
    for number in range(max(map(len, by_head.values()), default=0)):
        for head, rows in by_head.items():
            if number < len(rows):
                yield head, *rows[number]


def _without_cells_of(item: Attribution, private: set[str]) -> Attribution:
    """An attribution that shows neither cells nor words of private columns."""
    parts = [
        replace(part, cell="private", words=(), heat=None, shown=None) if part.column in private else part
        for part in item.parts
    ]
    return replace(item, parts=tuple(parts))
