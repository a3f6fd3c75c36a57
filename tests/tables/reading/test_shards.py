"""Shards of Parquet files: whole row groups, of which only what is needed is transferred."""

import numpy as np
import pandas as pd
import pytest

from medley.tables.reading import remote, shards
from medley.tables.reading.arrow_files import parquet_batches
from medley.tables.reading.shards import Shard, row_group_shards, shards_of


@pytest.fixture
def frame(tmp_path):
    """A table in two files, whose row groups have 250 rows."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(2_000, 3)), columns=list("abc"))
    frame[:1_000].to_parquet(tmp_path / "a.parquet", row_group_size=250)
    frame[1_000:].to_parquet(tmp_path / "b.parquet", row_group_size=250)
    return frame


def test_shards_are_whole_row_groups_of_one_file(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_ROWS", 400)
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    parts = shards_of([f"file://{path}" for path in paths], row_group_shards(paths))
    assert [(shard.place, shard.row_groups, shard.start) for shard in parts] == [
        (0, range(2), 0),
        (0, range(2, 4), 500),
        (1, range(2), 1_000),
        (1, range(2, 4), 1_500),
    ]
    batches = [batch for shard in parts for batch in parquet_batches(paths[shard.place], 90, ["b"], shard)]
    pd.testing.assert_frame_equal(pd.concat(batches, ignore_index=True), frame[["b"]])


def test_row_groups_that_are_large_enough_are_shards(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_ROWS", 200)
    assert row_group_shards([tmp_path / "a.parquet"])[:, 3].tolist() == [0, 250, 500, 750]


def test_only_the_row_groups_and_columns_of_a_shard_are_transferred(tmp_path):
    file = tmp_path / "table.parquet"
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40_000, 4)), columns=list("abcd"))
    frame.to_parquet(file, row_group_size=10_000)
    transferred = []
    file_system = type(remote._file_system("file"))
    opened = file_system.open

    def open_counting(files, path, mode):
        stream = opened(files, path, mode)
        read_bytes = stream.read
        stream.read = lambda *size: transferred.append(data := read_bytes(*size)) or data
        return stream

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_system, "open", open_counting)
        shard = Shard(0, f"file://{file}", range(1, 2), 10_000)
        batch = next(parquet_batches(file, 10_000, ["b"], shard))
    np.testing.assert_array_equal(batch.b, frame.b[10_000:20_000])
    assert 80_000 < sum(map(len, transferred)) < 200_000 < file.stat().st_size / 5
