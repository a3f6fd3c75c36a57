"""Rows in a file, read as they are asked for: what was read does not stay in the process's memory."""

from __future__ import annotations

import mmap

import numpy as np
import torch
from torch import Tensor

KEPT = 32 * 2**20
"""Bytes that may stay mapped in before the pages are handed back: what is read again soon is still in the system's
own cache."""

_AROUND = 64 * 1024  # what Linux maps in around each touched page


class MappedRows:
    """Rows of a memory-mapped array as tensors, copied out batch by batch.

    Args:
        array: (N, ...), as `numpy.memmap` gives it.
        device: where tensors go.

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
        self._touched = 0

    def __len__(self) -> int:
        return len(self._array)

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return self._array.nbytes // max(len(self._array), 1)

    def take(self, index: np.ndarray) -> Tensor:
        """The rows at `index` (B,)."""
        return self._sent(self._array[index], len(index) * (self.row_bytes + _AROUND))

    def slice(self, start: int, stop: int) -> Tensor:
        """The rows from `start` to `stop`: a copy, as the pages under a view are handed back."""
        found = self._array[start:stop].copy()
        return self._sent(found, found.nbytes + _AROUND)

    def _sent(self, found: np.ndarray, touched: int) -> Tensor:
        self._touched += touched
        if self._touched > KEPT:
            self._touched = 0
            if hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)
        host = torch.from_numpy(found)
        if self.device.type == "cuda":  # pinned memory is copied while the device still works
            return host.pin_memory().to(self.device, non_blocking=True)
        return host if self.device.type == "cpu" else host.to(self.device)


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is a whole file's, mapped into memory.

    >>> is_mapped(np.zeros(3))
    False
    """
    return isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap)
