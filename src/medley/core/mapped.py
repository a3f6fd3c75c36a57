"""Rows of memory-mapped files, read in batches without filling the memory of the process."""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

MAX_MAPPED_BYTES = 32 * 2**20
"""Mapped bytes after which pages are released; pages that are read again soon are still in the system's cache."""

_READ_AHEAD = 64 * 1024  # Linux maps so many bytes around each page that is read


class MappedRows:
    """Rows of a memory-mapped array as tensors, copied batch by batch.

    Args:
        array: (N, ...), a `numpy.memmap`.
        device: device of the tensors.

    >>> from tempfile import TemporaryFile
    >>> with TemporaryFile() as file:
    ...     rows = MappedRows(np.memmap(file, "float32", "w+", shape=(5, 2)), "cpu")
    ...     rows.take(np.array([4, 0])).shape
    torch.Size([2, 2])
    """

    def __init__(self, array: np.ndarray, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._array = array.view(np.ndarray)
        self._map: mmap.mmap = array.base  # type: ignore[assignment]
        self._mapped_bytes = 0

    def __len__(self) -> int:
        return len(self._array)

    @property
    def row_bytes(self) -> int:
        """The size of one row in bytes."""
        return self._array.nbytes // max(len(self._array), 1)

    def take(self, index: np.ndarray) -> Tensor:
        """The rows at `index` (B,)."""
        return self._to_device(self._array[index], len(index) * (self.row_bytes + _READ_AHEAD))

    def slice(self, start: int, stop: int) -> Tensor:
        """The rows from `start` to `stop`; copied, since the pages of a view may be released."""
        rows = self._array[start:stop].copy()
        return self._to_device(rows, rows.nbytes + _READ_AHEAD)

    def _to_device(self, rows: np.ndarray, new_bytes: int) -> Tensor:
        self._mapped_bytes += new_bytes
        if self._mapped_bytes > MAX_MAPPED_BYTES:
            self._mapped_bytes = 0
            if hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)
        host = torch.from_numpy(rows)
        if self.device.type == "cuda":  # pinned memory is copied while the device still works
            return host.pin_memory().to(self.device, non_blocking=True)
        return host if self.device.type == "cpu" else host.to(self.device)


class JoinedRows:
    """Rows of several arrays, one after the other, of which some are memory-mapped.

    Args:
        parts: each (N, ...).

    >>> rows = JoinedRows([torch.arange(3), torch.arange(10, 12)])
    >>> rows.take(np.array([4, 0, 3])), rows.slice(2, 4)
    (tensor([11,  0, 10]), tensor([ 2, 10]))
    """

    def __init__(self, parts: Sequence[Tensor | MappedRows]) -> None:
        self.parts = list(parts)
        self._starts = np.cumsum([0, *map(len, parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def row_bytes(self) -> int:
        """The size of one row in bytes."""
        return max(part.row_bytes for part in self.parts if isinstance(part, MappedRows))

    def take(self, index: np.ndarray) -> Tensor:
        """The rows at `index` (B,)."""
        part_of_row = np.searchsorted(self._starts, index, side="right") - 1
        places = [np.flatnonzero(part_of_row == place) for place in range(len(self.parts))]
        taken = [
            part.take(index[rows] - start)
            if isinstance(part, MappedRows)
            else part[torch.from_numpy(index[rows] - start).to(part.device)]
            for part, rows, start in zip(self.parts, places, self._starts, strict=False)
        ]
        order = torch.from_numpy(np.argsort(np.concatenate(places), kind="stable"))
        return torch.cat(taken)[order.to(taken[0].device)]

    def slice(self, start: int, stop: int) -> Tensor:
        """The rows from `start` to `stop`."""
        return self.take(np.arange(start, min(stop, len(self))))


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is a memory-mapped file, not a view of one.

    >>> is_mapped(np.zeros(3))
    False
    """
    return isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap)
