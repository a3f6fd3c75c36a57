import mmap

import numpy as np
import pytest
import torch

from medley.core import mapped
from medley.core.batch import Rows
from medley.core.codec import Encoded
from medley.core.mapped import JoinedRows, MappedRows, is_mapped


@pytest.fixture
def array(tmp_path):
    (tmp_path / "rows").write_bytes(np.arange(60, dtype=np.float32).tobytes())
    return np.memmap(tmp_path / "rows", np.float32, "r", shape=(20, 3))


def test_batches_are_those_of_rows_in_memory(array):
    present = np.arange(20) % 4 > 0
    in_file, in_memory = (
        Rows({"x": Encoded(source, present)}, {"y": Encoded(source[:, :1].copy(), present)})
        for source in (array, np.array(array))
    )
    index = torch.tensor([3, 19, 0, 3])
    for batch, expected in (
        (in_file.take(index), in_memory.take(index)),
        (in_file.slice(15, 99), in_memory.slice(15, 99)),
    ):
        assert torch.equal(batch.inputs["x"], expected.inputs["x"])
        assert torch.equal(batch.targets["y"], expected.targets["y"])
        assert batch.size == expected.size
        assert np.array_equal(batch.present["x"], expected.present["x"])
    assert in_file.size == 20
    assert in_file.device.type == "cpu"


def test_rows_of_files_and_of_memory_are_joined(array):
    whole = np.concatenate([array, array[:5], array])
    parts = [Rows({"x": Encoded(part, np.ones(len(part), bool))}) for part in (array, np.array(array[:5]), array)]
    joined = parts[0].joined(parts[1]).joined(parts[2])
    index = torch.tensor([44, 0, 22, 19, 20, 22])
    assert isinstance(joined.inputs["x"], JoinedRows)
    assert torch.equal(joined.take(index).inputs["x"], torch.from_numpy(whole)[index])
    assert torch.equal(joined.slice(18, 99).inputs["x"], torch.from_numpy(whole[18:]))
    assert (joined.size, joined.row_bytes) == (45, 12)


def test_a_batch_does_not_change_when_pages_are_released(array, monkeypatch):
    monkeypatch.setattr(mapped, "MAX_MAPPED_BYTES", 0)
    rows = MappedRows(array, "cpu")
    first = rows.slice(0, 5)
    first += 100  # the file is not written to
    for _ in range(3):
        rows.take(np.array([7]))
    assert first[1, 2] == 105
    assert rows.slice(0, 5)[1, 2] == 5


def test_only_whole_files_are_mapped_rows(array):
    assert is_mapped(array)
    assert not is_mapped(array[2:])
    assert not is_mapped(np.array(array))
    assert isinstance(array.base, mmap.mmap)
