"""The order of rows in an epoch: random, and by shards where rows are read from files that may exceed the memory."""

from __future__ import annotations

import torch
from torch import Tensor

SHARDED_BYTES = 4 * 2**30
"""Size of mapped files from which rows are shuffled by shards; smaller ones stay in the system's cache."""

SHARD_BYTES, WINDOW_BYTES = 4 * 2**20, 2**30
"""Size of a shard, which is read in one go, and of the shards that are shuffled together."""


def epoch_order(rows: int, row_bytes: int, shuffle: torch.Generator, ranks: int = 1, batch_size: int = 1) -> Tensor:
    """The order in which an epoch trains the rows; it depends on the sizes and the generator alone.

    Of files that may not fit into the memory, a random order would read a page for every row. Their rows are divided
    into shards: consecutive rows of `SHARD_BYTES` together. Shards are put into random order, and rows are shuffled
    among those of `WINDOW_BYTES`: each shard is read once per epoch, and a batch mixes rows of hundreds of them.

    If several processes train on rows in files, each reads consecutive rows of its own: the part of every batch that
    it computes (`Ranks.part`) consists of them.

    Args:
        rows: number of rows N.
        row_bytes: bytes of a row that are read from files; 0 if all are in memory.
        shuffle: random generator.
        ranks: number of processes that compute a part of every batch.
        batch_size: rows per batch.

    Returns:
        Positions (N,).

    >>> epoch_order(6, 0, torch.Generator().manual_seed(0)).sort().values.tolist()
    [0, 1, 2, 3, 4, 5]
    >>> epoch_order(8, 4, torch.Generator().manual_seed(0), ranks=2, batch_size=4).view(2, 2, 2) < 4
    tensor([[[ True,  True],
             [False, False]],
    <BLANKLINE>
            [[ True,  True],
             [False, False]]])
    """
    is_sharded = rows * row_bytes >= SHARDED_BYTES
    if ranks == 1 or not row_bytes:
        return _order(rows, row_bytes, shuffle, is_sharded=is_sharded)
    order, start = torch.empty(rows, dtype=torch.int64), 0
    rank_of_place = _rank_of_place(rows, ranks, batch_size)
    for rank in range(ranks):
        places = (rank_of_place == rank).nonzero().flatten()
        order[places] = start + _order(len(places), row_bytes, shuffle, is_sharded=is_sharded)
        start += len(places)
    return order


def _order(rows: int, row_bytes: int, shuffle: torch.Generator, *, is_sharded: bool) -> Tensor:
    if not is_sharded:
        return torch.randperm(rows, generator=shuffle)
    size = max(SHARD_BYTES // row_bytes, 1)
    shards = torch.randperm(-(-rows // size), generator=shuffle)
    order = (shards[:, None] * size + torch.arange(size)).flatten()
    order = order[order < rows]  # the last shard may be shorter
    for window in order.split(max(WINDOW_BYTES // row_bytes, 1)):
        window.copy_(window[torch.randperm(len(window), generator=shuffle)])
    return order


def _rank_of_place(rows: int, ranks: int, batch_size: int) -> Tensor:
    """The process (N,) that computes each place of an epoch, as `Ranks.part` divides its batches."""
    places = torch.arange(rows)
    last = rows // batch_size * batch_size  # the last batch may be shorter
    sizes = torch.full((rows,), -(-min(batch_size, rows) // ranks))
    sizes[last:] = -(-(rows - last) // ranks)
    return places % batch_size // sizes
