"""Rows to look at: the surest right and wrong predictions, the largest errors, the most unusual rows."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import MedleyError
from medley.report.evidence import Evidence, TaskEvidence
from medley.report.model_rows import ModelColumn, ModelRows

if TYPE_CHECKING:
    from PIL.Image import Image

    from medley.model.model import Model

PER_GROUP = 4
MOST_TARGETS = 3
"""Targets with examples of their own."""

MOST_CELLS, LETTERS, SIDE = 8, 280, 112
"""Cells and letters of a text that are shown of a row; the side of an image in pixels."""

NEIGHBOURS = 5


def example_section(
    model: Model, evidence: Evidence, names: Mapping[str, str], ranked: Sequence[str] = ()
) -> dict[str, Any]:
    """Groups of rows, each with its cells, prediction and label.

    Args:
        model: a model.
        evidence: with the rows themselves.
        names: head name -> name of the target.
        ranked: columns by importance, which determines those that are shown; others follow in their order.
    """
    assert evidence.rows is not None
    section: dict[str, Any] = {"groups": [], "left_out": []}
    private = set(() if model.table is None else model.table.private)
    columns = _shown_columns(evidence.rows, private, ranked)
    heads = list(evidence.tasks)[:MOST_TARGETS]
    if len(evidence.tasks) > MOST_TARGETS:
        others = ", ".join(names[head] for head in list(evidence.tasks)[MOST_TARGETS:])
        section["left_out"].append(f"Examples of {others}: sort the result of model.predict_proba yourself.")
    for head in heads:
        part = evidence.tasks[head].learned()
        for title, places in example_groups(part):
            cards = [_card(columns, part, int(place), evidence) for place in places]
            if cards:
                section["groups"].append({"title": f"{names[head]}: {title}", "cards": cards})
    unusual, distances = most_unusual(evidence)
    cards = []
    for position, distance in zip(unusual, distances, strict=True):
        card = {"row": row_number(evidence, position), "cells": _cells(columns, int(position)), "lines": []}
        card["lines"].append(("distance to its neighbours", f"{distance:.1f} times the usual"))
        cards.append(card)
    if cards:
        section["groups"].append({"title": "most unusual rows, by what the heads read", "cards": cards})
    if private:
        section["left_out"].append(f"Cells of private columns ({', '.join(sorted(private))}).")
    return section


def example_groups(part: TaskEvidence) -> list[tuple[str, np.ndarray]]:
    """Titles of groups of examples, and the positions of their rows among those of the task."""
    if part.size == 0:
        return []
    if part.labels is None:
        truth, predicted = (values.reshape(len(values), -1) for values in (part.truth, part.predicted))
        errors = np.nanmean(np.abs(truth - predicted), axis=1)
        order = np.argsort(errors, kind="stable")
        return [("smallest errors", order[:PER_GROUP]), ("largest errors", order[::-1][:PER_GROUP])]
    if part.is_label_set:
        right = part.predicted_labels == part.classes
        sureness = np.abs(part.probabilities - 0.5).mean(axis=1)
        is_right = right.all(axis=1)
    else:
        predicted = part.predicted_classes
        is_right = predicted == part.classes
        sureness = part.probabilities[np.arange(part.size), predicted]
    order = np.argsort(-sureness, kind="stable")
    return [
        ("surest and right", order[is_right[order]][:PER_GROUP]),
        ("surest and wrong", order[~is_right[order]][:PER_GROUP]),
    ]


def truth_at(evidence: Evidence, head: str, position: int) -> str:
    """The true number, class or labels of a row.

    Args:
        evidence: predictions and labels.
        head: of the target.
        position: of the row among all rows.
    """
    part = evidence.tasks[head].learned()
    place = int(np.flatnonzero(part.rows == position)[0])
    if part.labels is None:
        return _shown(part.truth[place])
    classes = part.classes[place]
    return _listed(part.labels, classes) if part.is_label_set else str(part.labels[classes])


def _listed(labels: Sequence[Any], is_in: np.ndarray) -> str:
    return ", ".join(str(label) for label, has in zip(labels, is_in, strict=True) if has) or "none"


def most_unusual(evidence: Evidence, count: int = PER_GROUP) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose fused vectors are farthest from those of other rows.

    Args:
        evidence: with the rows themselves.
        count: number of rows.

    Returns:
        Positions (count,), and the distance to the fifth neighbour, divided by its median over all rows.
    """
    from sklearn.neighbors import NearestNeighbors

    vectors = evidence.embeddings
    if len(vectors) <= NEIGHBOURS + 1:
        return np.zeros(0, int), np.zeros(0)
    scaled = (vectors - vectors.mean(axis=0)) / np.maximum(vectors.std(axis=0), 1e-6)
    distances = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(scaled).kneighbors(scaled)[0][:, -1]
    order = np.argsort(-distances, kind="stable")[:count]
    return evidence.sample[order], distances[order] / max(float(np.median(distances)), 1e-12)


def _shown_columns(rows: ModelRows, private: set[str], ranked: Sequence[str]) -> list[ModelColumn]:
    """Columns that are not private: images and texts first, then others by importance."""
    places = {name: place for place, name in enumerate(ranked)}
    columns = [column for column in rows.columns if not {column.name, column.label, column.input} & private]
    first = {"image": 0, "text": 1}
    return sorted(columns, key=lambda column: (first.get(column.kind, 2), places.get(column.name, len(places))))


def _card(columns: Sequence[ModelColumn], part: TaskEvidence, place: int, evidence: Evidence) -> dict[str, Any]:
    position = int(part.rows[place])
    lines: list[tuple[str, str]] = []
    if part.labels is None:
        lines.append(("true", _shown(part.truth[place])))
        lines.append(("predicted", _shown(part.predicted[place])))
    elif part.is_label_set:
        lines.append(("true", _listed(part.labels, part.classes[place])))
        lines.append(("predicted", _listed(part.labels, part.predicted_labels[place])))
    else:
        predicted = part.predicted_classes[place]
        lines.append(("true", str(part.labels[part.classes[place]])))
        lines.append(("predicted", f"{part.labels[predicted]} ({part.probabilities[place, predicted]:.1%})"))
    return {"row": row_number(evidence, position), "cells": _cells(columns, position), "lines": lines}


def _shown(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in np.atleast_1d(values))


def row_number(evidence: Evidence, position: int) -> int:
    """The caller's number of a row."""
    return int(position if evidence.numbers is None else evidence.numbers[position])


def _cells(columns: Sequence[ModelColumn], position: int) -> list[dict[str, str | None]]:
    """Cells of one row, no more than `MOST_CELLS`."""
    cells = []
    for column in columns[:MOST_CELLS]:
        cell = _cell_at(column.cells, position)
        image = thumbnail(cell) if column.kind == "image" else None
        text = None if image else _text(cell, column.kind)
        cells.append({"name": column.name, "image": image, "text": text})
    if len(columns) > MOST_CELLS:
        cells.append({"name": "", "image": None, "text": f"and {len(columns) - MOST_CELLS:,} more columns"})
    return cells


def _cell_at(cells: Any, position: int) -> Any:
    return cells.iloc[position] if hasattr(cells, "iloc") else cells[position]


def _text(cell: Any, kind: str) -> str:
    if cell is None or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return "(missing)"
    if isinstance(cell, float | np.floating):
        return f"{cell:.6g}"
    if isinstance(cell, list | tuple | set | frozenset):
        cell = ", ".join(map(str, cell))
    if isinstance(cell, np.ndarray | bytes) or kind in ("image", "audio"):
        return f"({kind})"
    text = str(cell)
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}…"


def thumbnail(cell: Any) -> str | None:
    """A small copy of an image as a data URI; None where it cannot be read.

    Args:
        cell: a path, bytes, an array or a Pillow image; of several images, the first.
    """
    from PIL.Image import Resampling, fromarray

    from medley.image.pixels import read

    if isinstance(cell, list | tuple):
        cell = cell[0] if cell else None
    if cell is None:
        return None
    try:
        pixels = read(cell, 3, (SIDE, SIDE))
    except (MedleyError, OSError, ValueError):
        return None
    image = fromarray(_bytes(pixels))
    factor = SIDE // max(image.size)
    if factor > 1:  # pixels as squares, which JPEG would blur
        image = image.resize((image.width * factor, image.height * factor), Resampling.NEAREST)
        return _data_uri(image, "png")
    image.thumbnail((SIDE, SIDE))
    return _data_uri(image, "jpeg")


def _data_uri(image: Image, kind: str) -> str:
    file = BytesIO()
    image.save(file, kind.upper(), **({"quality": 80} if kind == "jpeg" else {"optimize": True}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _bytes(pixels: np.ndarray) -> np.ndarray:
    """Pixels (H, W, 3) of 8 bits."""
    pixels = np.repeat(pixels[:, :, :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[:, :, :3]
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(float)
        top = 255.0 if pixels.max() > 1 else 1.0
        top = 65_535.0 if pixels.max() > 255 else top
        pixels = np.clip(pixels / top * 255, 0, 255).round().astype(np.uint8)
    return pixels
