"""The order of rows in an epoch."""

import numpy as np
import pytest
import torch

from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.train import order
from medley.train.order import epoch_order


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 10 rows of 4 bytes, shuffled five at a time."""
    for name, value in {"SHARDED_BYTES": 100, "SHARD_BYTES": 40, "WINDOW_BYTES": 200}.items():
        monkeypatch.setattr(order, name, value)


@pytest.mark.parametrize("rows", [25, 100, 101, 997])
def test_every_row_comes_once_and_epochs_differ(small_shards, rows):
    shuffle = seeded()
    first, second = epoch_order(rows, 4, shuffle), epoch_order(rows, 4, shuffle)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(rows))
    assert not torch.equal(first, second)
    assert torch.equal(first, epoch_order(rows, 4, seeded()))
    assert not torch.equal(first, epoch_order(rows, 4, seeded(1)))


def test_each_shard_is_read_in_one_window(small_shards):
    windows = epoch_order(1000, 4, seeded()).split(50)
    shards = [set((window // 10).tolist()) for window in windows]
    assert all(len(window) == 5 for window in shards)
    assert len(set().union(*shards)) == 100
    # Shards of a window are not neighbours, and rows of a batch come from several shards.
    assert max(max(window) - min(window) for window in shards) > 50
    assert np.mean([len(set((batch // 10).tolist())) for batch in torch.cat(windows).split(10)]) > 3


def test_rows_in_memory_and_in_small_files_are_shuffled_as_a_whole(small_shards):
    for rows, row_bytes in ((1000, 0), (24, 4)):
        expected = torch.randperm(rows, generator=seeded())
        assert torch.equal(epoch_order(rows, row_bytes, seeded()), expected)


@pytest.mark.parametrize(("rows", "batch_size", "ranks"), [(53, 15, 2), (997, 64, 4), (5, 4, 4), (7, 100, 3)])
def test_each_process_reads_consecutive_rows_of_its_own(small_shards, rows, batch_size, ranks):
    shuffle = seeded()
    first, second = (epoch_order(rows, 4, shuffle, ranks, batch_size) for _ in range(2))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(rows))
    assert rows < 10 or not torch.equal(first, second)
    parts = [[] for _ in range(ranks)]
    for batch in first.split(batch_size):
        for part, positions in zip(parts, batch.split(-(-len(batch) // ranks)), strict=False):
            part += positions.tolist()
    starts = np.cumsum([0, *map(len, parts)])
    for part, start in zip(parts, starts, strict=False):
        assert sorted(part) == list(range(start, start + len(part)))


def test_rows_in_memory_are_shuffled_as_a_whole_whatever_the_number_of_processes():
    assert torch.equal(epoch_order(50, 0, seeded(), 4, 8), epoch_order(50, 0, seeded()))


def test_a_row_may_be_larger_than_a_shard(small_shards):
    assert sorted(epoch_order(30, 5000, seeded()).tolist()) == list(range(30))


def test_mapped_rows_say_how_large_they_are(tmp_path):
    array = np.memmap(tmp_path / "rows", "float32", "w+", shape=(8, 3))
    assert Rows({"x": Encoded(array, np.ones(8, bool))}).row_bytes == 12
