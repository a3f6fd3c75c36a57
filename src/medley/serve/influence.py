"""What mattered for a row: how the answer changes without each of its cells, one at a time (single-input occlusion)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medley.serve.rows import Rows
from medley.tables.answers import Answers

RawOutputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Influence:
    """How much a cell mattered for the prediction of a target.

    Args:
        column: of the cell.
        change: what the cell adds: to the probability of the predicted class, or to the predicted number in its unit.
    """

    column: str
    change: float

    def state(self) -> dict[str, Any]:
        """The influence as JSON values."""
        return asdict(self)


def influences(
    compute: Callable[[Rows], RawOutputs], answer: Callable[[RawOutputs], Answers], rows: Rows, raw: RawOutputs
) -> list[dict[str, list[Influence]]]:
    """Per row and head, the columns and what each adds to the answer, the strongest first.

    A column's cell is taken away, as if it were missing, and the row is predicted again: models of medley are trained
    with missing inputs. What columns only do together is counted for each of them or for none.

    Args:
        compute: rows -> raw outputs.
        answer: raw outputs -> predictions and probabilities.
        rows: B rows.
        raw: their raw outputs, head -> (B, K).
    """
    present = [[name for name, cell in row.items() if cell is not None] for row in rows]
    changed = [{**row, name: None} for row, names in zip(rows, present, strict=True) for name in names]
    if not changed:
        return [{head: [] for head in raw} for _ in rows]
    full, without = answer(raw), answer(compute(changed))
    owners = np.repeat(np.arange(len(rows)), [len(names) for names in present])
    changes = {head: _changes(full, without, head, owners) for head in raw}
    columns = [name for names in present for name in names]
    results: list[dict[str, list[Influence]]] = []
    for row in range(len(rows)):
        places = np.flatnonzero(owners == row)
        entry = {}
        for head, values in changes.items():
            order = places[np.argsort(-np.abs(values[places]), kind="stable")]
            entry[head] = [Influence(columns[place], float(values[place])) for place in order]
        results.append(entry)
    return results


def _changes(full: Answers, without: Answers, head: str, owners: np.ndarray) -> np.ndarray:
    """(C,) what each of C cells adds to the answer of its row.

    Args:
        full: answers to B rows.
        without: answers to C rows that lack one cell each.
        head: of the target.
        owners: (C,) the row of each cell.
    """
    codec = full.targets[head]
    if codec.labels is None:
        numbers, fewer = (_numbers(answers.predictions()[head]) for answers in (full, without))
        return numbers[owners] - fewer
    probabilities, fewer = full.probabilities()[head], without.probabilities()[head]
    predicted = codec.predicted_indices(full.trust.decided(head, codec, full.raw[head]))
    classes = probabilities.argmax(axis=1) if predicted is None else predicted
    own = classes[owners]
    return probabilities[owners, own] - fewer[np.arange(len(fewer)), own]


def _numbers(decoded: Any) -> np.ndarray:
    """Predicted numbers (B,); of several numbers per row, their mean."""
    array = np.asarray(decoded, dtype=np.float64)
    return array.reshape(len(array), -1).mean(axis=1)
