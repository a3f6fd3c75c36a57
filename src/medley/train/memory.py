"""A batch in pieces, whose gradients add up to that of the batch: for networks that are large for the memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from medley.core.batch import Batch

MIN_PIECE = 2
"""Rows of the smallest piece: batch normalisation needs more than one."""


def split(batch: Batch, pieces: int) -> list[Batch]:
    """A batch in pieces of about the same size, at least `MIN_PIECE` rows each.

    >>> batch = Batch(5, {"x": torch.arange(5.0)}, {"x": np.array([True, False, True, True, True])})
    >>> [piece.inputs["x"].tolist() for piece in split(batch, 2)]
    [[0.0, 1.0], [2.0, 3.0, 4.0]]
    """
    pieces = max(min(pieces, batch.size // MIN_PIECE), 1)
    edges = [batch.size * piece // pieces for piece in range(pieces + 1)]
    return [_part(batch, slice(start, stop)) for start, stop in pairwise(edges)]


def fraction(piece: Batch, batch: Batch, task: str) -> Tensor | float:
    """The fraction of a batch's observed labels of a task that is in a piece: what its mean loss counts for.

    Exact unless members of an ensemble leave out folds, whose rows may be divided unevenly.
    """
    return _observed(piece, task) / _observed(batch, task).clamp(min=1e-12)


def _observed(batch: Batch, task: str) -> Tensor:
    observed = batch.observed[task]
    return torch.tensor(float(batch.size)) if observed is None else observed.sum().float()


def _part(batch: Batch, rows: slice) -> Batch:
    def some(values: dict[str, Tensor | None]) -> dict[str, Tensor | None]:
        return {name: None if tensor is None else tensor[rows] for name, tensor in values.items()}

    present: dict[str, np.ndarray | None] = {}
    for name, mask in batch.present.items():
        present[name] = None if mask is None or mask[rows].all() else mask[rows]
    return Batch(
        rows.stop - rows.start,
        {name: tensor[rows] for name, tensor in batch.inputs.items()},
        present,
        {name: tensor[rows] for name, tensor in batch.targets.items()},
        some(batch.observed),
        {name: weight[rows] for name, weight in batch.weights.items()},
        None if batch.folds is None else batch.folds[rows],
    )
