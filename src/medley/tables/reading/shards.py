"""Shards of a table in Parquet files: consecutive row groups, which can be read without the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SHARD_ROWS = 4_096
"""Row groups are read together up to this number of rows."""


@dataclass(frozen=True)
class Shard:
    """Consecutive row groups of a Parquet file.

    Args:
        place: position of the file among those of the table.
        url: of the file, where it is not on this machine; else empty.
        row_groups: their numbers.
        start: position of the first row in the table.
    """

    place: int
    url: str
    row_groups: range
    start: int


def row_group_shards(paths: Sequence[Path]) -> np.ndarray:
    """The shards of Parquet files (S, 4): number of the file, first row group, the one after the last, first row."""
    from pyarrow import parquet

    shards, start = [], 0
    for place, path in enumerate(paths):
        metadata = parquet.read_metadata(path)
        first, rows = 0, 0
        for group in range(metadata.num_row_groups):
            rows += metadata.row_group(group).num_rows
            if rows >= SHARD_ROWS or group == metadata.num_row_groups - 1:
                shards.append((place, first, group + 1, start))
                first, start, rows = group + 1, start + rows, 0
    return np.array(shards, np.int64).reshape(-1, 4)


def shards_of(urls: Sequence[str], shards: np.ndarray) -> list[Shard]:
    """The inverse of `row_group_shards`.

    Args:
        urls: of the files; empty for those on this machine.
        shards: (S, 4).

    >>> shards_of(["s3://bucket/a.parquet"], np.array([[0, 2, 4, 100]]))
    [Shard(place=0, url='s3://bucket/a.parquet', row_groups=range(2, 4), start=100)]
    """
    rows: list[list[int]] = shards.tolist()
    return [Shard(place, urls[place], range(first, end), start) for place, first, end, start in rows]
