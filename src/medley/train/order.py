"""The order of rows in an epoch: random, and by shards where rows are read from files that may exceed the memory."""

from __future__ import annotations

import torch
from torch import Tensor

SHARDED_BYTES = 4 * 2**30
"""Size of mapped files from which rows are shuffled by shards; smaller ones stay in the system's cache."""

SHARD_BYTES, WINDOW_BYTES = 4 * 2**20, 2**30
"""Size of a shard, which is read in one go, and of the shards that are shuffled together."""


def epoch_order(rows: int, row_bytes: int, shuffle: torch.Generator) -> Tensor:
    """The order in which an epoch trains the rows; it depends on the size of the data and the generator alone.

    Of files that may not fit into the memory, a random order would read a page for every row. Their rows are divided
    into shards: consecutive rows of `SHARD_BYTES` together. Shards are put into random order, and rows are shuffled
    among those of `WINDOW_BYTES`: each shard is read once per epoch, and a batch mixes rows of hundreds of them.

    Args:
        rows: number of rows N.
        row_bytes: bytes of a row that are read from files; 0 if all are in memory.
        shuffle: random generator.

    Returns:
        Positions (N,).

    >>> epoch_order(6, 0, torch.Generator().manual_seed(0)).sort().values.tolist()
    [0, 1, 2, 3, 4, 5]
    """
    if rows * row_bytes < SHARDED_BYTES:
        return torch.randperm(rows, generator=shuffle)
    size = max(SHARD_BYTES // row_bytes, 1)
    shards = torch.randperm(-(-rows // size), generator=shuffle)
    order = (shards[:, None] * size + torch.arange(size)).flatten()
    order = order[order < rows]  # the last shard may be shorter
    for window in order.split(max(WINDOW_BYTES // row_bytes, 1)):
        window.copy_(window[torch.randperm(len(window), generator=shuffle)])
    return order
