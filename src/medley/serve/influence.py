"""What mattered for a row: how the answer changes without each of its cells, one at a time (single-input occlusion)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medley.core.codec import TargetCodec
from medley.serve.rows import Rows

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
    compute: Callable[[Rows], RawOutputs], codecs: Mapping[str, TargetCodec], rows: Rows, raw: RawOutputs
) -> list[dict[str, list[Influence]]]:
    """Per row and head, the columns and what each adds to the answer, the strongest first.

    A column's cell is taken away, as if it were missing, and the row is predicted again: models of medley are trained
    with missing inputs. What columns only do together is counted for each of them or for none.

    Args:
        compute: rows -> raw outputs.
        codecs: head -> fitted codec of its target.
        rows: B rows.
        raw: their raw outputs, head -> (B, K).
    """
    present = [[name for name, cell in row.items() if cell is not None] for row in rows]
    changed = [{**row, name: None} for row, names in zip(rows, present, strict=True) for name in names]
    if not changed:
        return [{head: [] for head in codecs} for _ in rows]
    without = compute(changed)
    results: list[dict[str, list[Influence]]] = []
    start = 0
    for row, names in enumerate(present):
        stop = start + len(names)
        entry = {}
        for head, codec in codecs.items():
            changes = _changes(codec, raw[head][row : row + 1], without[head][start:stop])
            order = np.argsort(-np.abs(changes), kind="stable")
            entry[head] = [Influence(names[place], float(changes[place])) for place in order]
        results.append(entry)
        start = stop
    return results


def _changes(codec: TargetCodec, raw: np.ndarray, without: np.ndarray) -> np.ndarray:
    """(C,) what each of C cells adds, from the raw outputs (1, K) with all cells and (C, K) without each of them."""
    if codec.labels is not None:
        full, fewer = np.asarray(codec.probabilities(raw)), np.asarray(codec.probabilities(without))
        best = int(full[0].argmax())
        return full[0, best] - fewer[:, best]
    full, fewer = _numbers(codec.decode(raw)), _numbers(codec.decode(without))
    return full[0] - fewer


def _numbers(decoded: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Predicted numbers (B,); of several numbers per row, their mean."""
    array = np.asarray(decoded, dtype=np.float64)
    return array.reshape(len(array), -1).mean(axis=1)
