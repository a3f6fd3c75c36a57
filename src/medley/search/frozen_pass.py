"""A frozen part run once over many rows, the longest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medley.cache.folder import row_keys
from medley.core.codec import Encoded
from medley.core.spec import Spec
from medley.graph.frozen import NUMBERS, lengths

MOST = 256
"""Rows at once at most: so often is progress shown."""


@dataclass(frozen=True)
class Pieces:
    """Rows that lie in several arrays, under one running number.

    Args:
        arrays: each (N_i, ...).
        part: the array of each row (N,).
        row: its place there (N,).
        keys: of the rows' content (N,).
    """

    arrays: Sequence[np.ndarray]
    part: np.ndarray
    row: np.ndarray
    keys: np.ndarray

    def take(self, index: np.ndarray) -> np.ndarray:
        """The rows with these numbers (B, ...).

        >>> two = present_rows([Encoded(one, np.ones(2, bool)) for one in (np.zeros((2, 1)), np.ones((2, 1)))])
        >>> two.take(np.array([2, 0])).tolist()
        [[1.0], [0.0]]
        """
        first = self.arrays[0]
        found = np.empty((len(index), *first.shape[1:]), first.dtype)
        for number, array in enumerate(self.arrays):
            here = np.flatnonzero(self.part[index] == number)
            found[here] = array[self.row[index[here]]]
        return found


def present_rows(encoded: Sequence[Encoded]) -> Pieces:
    """The rows of several parts that are present."""
    rows = [np.flatnonzero(one.present) for one in encoded]
    keys = [row_keys(one.array, here) for one, here in zip(encoded, rows, strict=True)]
    part = np.repeat(np.arange(len(rows)), [len(one) for one in rows])
    return Pieces([one.array for one in encoded], part, np.concatenate(rows), np.concatenate(keys))


class Passed(NamedTuple):
    """One pass.

    Args:
        rows: their numbers (B,).
        results: (B, ...).
        fraction: of all the work that is now done, 0 to 1.
    """

    rows: np.ndarray
    results: np.ndarray
    fraction: float


class Pass:
    """Runs a function over many encoded rows.

    Args:
        function: encoded rows (B, ...) -> results (B, ...), on the device.
        spec: of a row.
        device: where it runs.
        cuts: whether padding at the end of codes may be left out.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], spec: Spec, device: torch.device, *, cuts: bool = False
    ) -> None:
        self.function = function
        self.spec = spec
        self.device = device
        self.cuts = cuts

    @torch.no_grad()
    def run(self, rows: np.ndarray) -> np.ndarray:
        """The results of a few rows."""
        return self.function(torch.from_numpy(rows).to(self.device)).float().cpu().numpy()

    def over(self, pieces: Pieces, index: np.ndarray) -> Iterator[Passed]:
        """The results of the rows with these numbers, those that take longest first."""
        work = np.ones(len(index))
        if self.spec.is_tokens and len(index):
            some = np.array_split(index, -(-len(index) // 4096))
            long = np.concatenate([lengths(torch.from_numpy(pieces.take(one))).numpy() for one in some])
            order = np.argsort(-long, kind="stable")
            index, work = index[order], long[order]
        size = min(MOST, max(1, NUMBERS["cpu"] // self.spec.size))
        for start in range(0, len(index), size):
            some = index[start : start + size]
            rows = pieces.take(some)
            rows = np.ascontiguousarray(rows[:, : int(work[start])]) if self.cuts and self.spec.is_tokens else rows
            yield Passed(some, self.run(rows), float(work[: start + size].sum() / work.sum()))
