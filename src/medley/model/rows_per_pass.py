"""The number of rows per forward pass without gradients, so that intermediate results stay in the processor's cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from medley.core.batch import Batch, Rows
from medley.graph.network import Network
from medley.model.device_memory import is_out_of_memory

MAX_BYTES = 2**23
"""Bytes of the largest intermediate result of a pass on a CPU.

Measured for convolutions of images of 28 to 96 pixels: with 8 MB, rows take .27 to .55 of the time that they take
with 50 to 250 MB, which the allocator does not keep; a transformer takes .80. Fewer rows gain little more."""

MIN_ROWS, FEW_ROWS = 4, 16
"""Rows per pass at least, and rows that are computed at once without counting."""


def rows_per_pass(network: Network, rows: Rows, most: int) -> int:
    """The number of rows per pass: on a CPU, a power of two that keeps the largest intermediate result small.

    It depends on the shapes that the network computes, not on time, so that results are reproducible.

    Args:
        network: in evaluation mode; remembers the bytes per row.
        rows: encoded rows, some of which are computed to count the bytes.
        most: upper limit; also the answer on other devices.
    """
    if rows.device.type != "cpu" or most <= FEW_ROWS:
        return most
    inputs = frozenset(rows.inputs)
    if inputs not in network.row_bytes:
        network.row_bytes[inputs] = _row_bytes(network, rows)
    fitting = int(MAX_BYTES / max(network.row_bytes[inputs], 1))
    return most if fitting >= most else max(1 << max(fitting.bit_length() - 1, 0), MIN_ROWS)


def _row_bytes(network: Network, rows: Rows) -> int:
    """Bytes per row of the largest tensor that a forward pass computes, for rows that have most inputs.

    They are those that a second row adds: tensors made of weights alone do not count. 0 where memory is short: the
    number of rows is found by trying then.
    """
    inputs = np.sum([np.ones(rows.size) if mask is None else mask for mask in rows.present.values()], axis=0)
    fullest = torch.from_numpy(np.argsort(-inputs, kind="stable")[:2].copy())
    try:
        one, two = (_tensor_bytes(network, rows.take(fullest[:count])) for count in (1, 2))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return 0
    return max((more - less for less, more in zip(one, two, strict=False)), default=0)


def _tensor_bytes(network: Network, batch: Batch) -> list[int]:
    """Bytes of the tensors that a forward pass computes, in order."""
    with torch.no_grad(), _TensorBytes() as computed:
        network(batch)
    return computed.bytes


class _TensorBytes(TorchFunctionMode):
    """Notes the bytes of the tensors that functions return within it."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: list[int] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor):
            self.bytes.append(out.numel() * out.element_size())
        return out
