"""Memory: how much is available, and how much a table would need."""

import numpy as np
import pandas as pd
import pytest

from medley.errors import ConfigError, DataError
from medley.tables.reading.memory import available_memory, is_large, memory_bytes, table_bytes


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2**31), ("1.5 GiB", 3 * 2**29), ("500mb", 500 * 2**20), (4096, 4096), ("77", 77)]
)
def test_sizes_are_parsed(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("size", ["lots", "-1GB", 0, "0", True, float("inf"), "2 GBit", [1]])
def test_invalid_sizes_raise_an_error(size):
    with pytest.raises(ConfigError, match="memory must be a number of bytes, or a string"):
        memory_bytes(size)


def test_auto_is_less_than_the_available_memory():
    assert 2**20 < memory_bytes("auto") < available_memory() * 1.2
    assert memory_bytes(None) > 0


def test_the_estimated_size_of_a_table_is_larger_than_its_file(tmp_path):
    frame = pd.DataFrame({"a": np.arange(5000.0), "b": ["word"] * 5000})
    frame.to_csv(tmp_path / "t.csv")
    frame.to_csv(tmp_path / "t.csv.gz")
    frame.to_parquet(tmp_path / "t.parquet", compression="zstd")
    for name in ("t.csv", "t.csv.gz", "t.parquet"):
        assert table_bytes(tmp_path / name) > (tmp_path / name).stat().st_size
    assert table_bytes(tmp_path) > table_bytes(tmp_path / "t.csv")
    assert is_large(tmp_path / "t.csv", 10_000)
    assert not is_large(tmp_path / "t.csv", 10**9)
    with pytest.raises(DataError, match="no file"):
        table_bytes(tmp_path / "u.csv")


def test_what_is_not_a_readable_file_is_not_large(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"nonsense")
    for table in ({"a": [1]}, tmp_path / "nowhere.csv", tmp_path / "t.parquet", 3):
        assert not is_large(table, 1)
