"""A frozen part run once over many rows: in passes of a good size, the longest first, without their padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medley.core.codec import Encoded
from medley.core.spec import Spec
from medley.data.cache import row_keys

STEPS = {"cpu": 4_096, "cuda": 65_536}
"""Steps of codes per pass: enough to keep the machine busy, few enough to stay in its caches."""

NUMBERS = {"cpu": 4_000_000, "cuda": 40_000_000}
"""Numbers per pass of other rows: 26 pictures of 224 x 224 on a CPU."""

MOST = 1_024
"""Rows per pass at most."""


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


def lengths(rows: np.ndarray) -> np.ndarray:
    """Steps of each row of codes (B, T) up to the last that is no padding; at least 1.

    >>> lengths(np.array([[3, 0, 4, 0], [0, 0, 0, 0]]))
    array([3, 1])
    """
    taken = rows != 0
    return np.where(taken.any(axis=1), rows.shape[1] - np.argmax(taken[:, ::-1], axis=1), 1)


class Passed(NamedTuple):
    """One pass.

    Args:
        rows: their numbers (B,).
        results: (B, ...).
        share: of all the work that is now done.
    """

    rows: np.ndarray
    results: np.ndarray
    share: float


class Pass:
    """Runs a function over many encoded rows.

    Args:
        function: encoded rows (B, ...) -> results (B, ...), on the device.
        spec: of a row.
        out: of a result.
        device: where it runs.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], spec: Spec, out: Spec, device: torch.device) -> None:
        self.function = function
        self.spec = spec
        self.out = out
        self.device = device

    @torch.no_grad()
    def run(self, rows: np.ndarray) -> np.ndarray:
        """The results of a few rows."""
        return self.function(torch.from_numpy(rows).to(self.device)).float().cpu().numpy()

    def over(self, pieces: Pieces, index: np.ndarray) -> Iterator[Passed]:
        """The results of the rows with these numbers, those that take longest first."""
        if self.spec.is_tokens and len(index):
            yield from self._codes(pieces, index)
            return
        size = _at_once(NUMBERS, self.device, self.spec.size)
        for start in range(0, len(index), size):
            some = index[start : start + size]
            yield Passed(some, self.run(pieces.take(some)), (start + len(some)) / len(index))

    def _codes(self, pieces: Pieces, index: np.ndarray) -> Iterator[Passed]:
        long = np.concatenate([lengths(pieces.take(some)) for some in np.array_split(index, -(-len(index) // 4096))])
        order = np.argsort(-long, kind="stable")
        index, long = index[order], long[order]
        cuts, total, start = self._cuts(pieces.take(index[-8:]), int(long[-8:].max())), long.sum(), 0
        while start < len(index):
            width = int(long[start]) if cuts else self.spec.shape[0]
            stop = start + _at_once(STEPS, self.device, width)
            some = index[start:stop]
            results = self.run(np.ascontiguousarray(pieces.take(some)[:, :width]))
            yield Passed(some, results, float(long[:stop].sum() / total))
            start = stop

    def _cuts(self, rows: np.ndarray, width: int) -> bool:
        """Whether rows give the same without their padding: asked of those that have most of it."""
        if not self.out.is_vector or width == rows.shape[1]:
            return False
        try:
            cut = self.run(np.ascontiguousarray(rows[:, :width]))
        except Exception:  # a part of one's own may need all its steps, and says so in words of its own
            return False
        whole = self.run(rows)
        return cut.shape == whole.shape and np.allclose(cut, whole, rtol=1e-4, atol=1e-5)


def _at_once(budget: dict[str, int], device: torch.device, size: int) -> int:
    return int(min(MOST, max(1, budget.get(device.type, budget["cpu"]) // max(size, 1))))
