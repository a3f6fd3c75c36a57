"""Rows of memory-mapped files, read in batches without filling the memory of the process."""

from __future__ import annotations

import mmap

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


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is a memory-mapped file, not a view of one.

    >>> is_mapped(np.zeros(3))
    False
    """
    return isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap)
