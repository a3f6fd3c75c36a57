"""Runs frozen parts of a network over many rows, the longest rows first."""

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
from medley.graph.frozen import VALUES_PER_BATCH, token_lengths

MAX_BATCH = 256
"""Maximum number of rows per batch, so that progress is shown often enough."""


@dataclass(frozen=True)
class IndexedRows:
    """The rows of several arrays under consecutive numbers.

    Args:
        arrays: each (N_i, ...).
        array_index: index of the array that holds each row (N,).
        position: position of each row in its array (N,).
        keys: of the rows' content (N,).
    """

    arrays: Sequence[np.ndarray]
    array_index: np.ndarray
    position: np.ndarray
    keys: np.ndarray

    def take(self, index: np.ndarray) -> np.ndarray:
        """The rows with these numbers (B, ...).

        >>> arrays = np.zeros((2, 1)), np.ones((2, 1))
        >>> rows = index_present_rows([Encoded(array, np.ones(2, bool)) for array in arrays])
        >>> rows.take(np.array([2, 0])).tolist()
        [[1.0], [0.0]]
        """
        template = self.arrays[0]
        rows = np.empty((len(index), *template.shape[1:]), template.dtype)
        for i, array in enumerate(self.arrays):
            is_here = self.array_index[index] == i
            rows[is_here] = array[self.position[index[is_here]]]
        return rows


def index_present_rows(encoded: Sequence[Encoded]) -> IndexedRows:
    """Numbers the present rows of several parts of a split.

    Args:
        encoded: encoded rows of each part.
    """
    positions = [np.flatnonzero(part.present) for part in encoded]
    keys = [row_keys(part.array, index) for part, index in zip(encoded, positions, strict=True)]
    array_index = np.repeat(np.arange(len(positions)), [len(index) for index in positions])
    return IndexedRows([part.array for part in encoded], array_index, np.concatenate(positions), np.concatenate(keys))


class BatchResults(NamedTuple):
    """Results for a batch of rows.

    Args:
        rows: their numbers (B,).
        results: (B, ...).
        fraction: finished fraction of all work, 0 to 1.
    """

    rows: np.ndarray
    results: np.ndarray
    fraction: float


class RowRunner:
    """Runs a function over many encoded rows.

    Args:
        function: encoded rows (B, ...) -> results (B, ...), on the device.
        spec: of a row.
        device: where it runs.
        ignores_padding: whether padding at the end of token ids may be cut off.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], spec: Spec, device: torch.device, *, ignores_padding: bool = False
    ) -> None:
        self.function = function
        self.spec = spec
        self.device = device
        self.ignores_padding = ignores_padding

    @torch.no_grad()
    def run(self, rows: np.ndarray) -> np.ndarray:
        """The results for one batch of rows."""
        return self.function(torch.from_numpy(rows).to(self.device)).float().cpu().numpy()

    def run_all(self, rows: IndexedRows, index: np.ndarray) -> Iterator[BatchResults]:
        """The results for the rows with these numbers, in batches, the longest rows first."""
        work = np.ones(len(index))
        if self.spec.is_tokens and len(index):
            chunks = np.array_split(index, -(-len(index) // 4096))
            lengths = np.concatenate([token_lengths(torch.from_numpy(rows.take(chunk))).numpy() for chunk in chunks])
            order = np.argsort(-lengths, kind="stable")
            index, work = index[order], lengths[order]
        cut = self.ignores_padding and self.spec.is_tokens
        size = min(MAX_BATCH, max(1, VALUES_PER_BATCH["cpu"] // self.spec.size))
        for start in range(0, len(index), size):
            numbers = index[start : start + size]
            batch = rows.take(numbers)
            if cut:
                batch = np.ascontiguousarray(batch[:, : int(work[start])])
            yield BatchResults(numbers, self.run(batch), float(work[: start + size].sum() / work.sum()))
