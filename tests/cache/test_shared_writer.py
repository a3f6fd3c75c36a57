"""Encodings that several processes write together are those that one would write, whichever of them die."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from medley.cache.encoded_files import EncodedFiles, EncodingLayout
from medley.cache.shared_writer import SharedWriter
from medley.core.codec import Encoded
from medley.core.mapped import is_mapped
from medley.errors import DataError

SHARDS, ROWS = 7, 5
LAYOUTS = {key: EncodingLayout([SHARDS * ROWS, SHARDS], (2,), np.dtype("float32")) for key in ("a", "b")}


def rows_of(shard, key):
    rows = np.arange(ROWS * 2, dtype=np.float32).reshape(ROWS, 2) + 100 * shard + (key == "b")
    return Encoded(rows, np.arange(ROWS) != shard)


def write(files, stop_after=None):
    """Writes what nobody else does; returns the shards."""
    writer = SharedWriter(files, LAYOUTS, SHARDS)
    written = []
    for shard in writer.shards():
        if len(written) == stop_after:
            print("in the middle", flush=True)
            time.sleep(60)
        for key in LAYOUTS:
            rows = rows_of(shard, key)
            writer.write(key, 0, shard * ROWS, rows)
            writer.write(key, 1, shard, Encoded(rows.array[:1], rows.present[:1]))
        writer.note = shard * 10
        written.append(shard)
    return written, writer.finish(lambda key, notes: [key, *notes])


def assert_complete(files):
    for key in LAYOUTS:
        stored = files.open(key)
        parts = [rows_of(shard, key) for shard in range(SHARDS)]
        np.testing.assert_array_equal(stored.parts[0].array, np.concatenate([part.array for part in parts]))
        np.testing.assert_array_equal(stored.parts[0].present, np.concatenate([part.present for part in parts]))
        np.testing.assert_array_equal(stored.parts[1].array, np.concatenate([part.array[:1] for part in parts]))
        assert is_mapped(stored.parts[0].array)
        assert stored.metadata == [key, *range(0, SHARDS * 10, 10)]
    assert sorted(path.name for path in files.folder.iterdir() if path.is_dir()) == ["a", "b"]


def test_one_process_writes_all_shards(tmp_path):
    files = EncodedFiles(tmp_path)
    assert sorted(write(files)[0]) == list(range(SHARDS))
    assert_complete(files)


def test_a_process_writes_only_what_others_have_not(tmp_path):
    files = EncodedFiles(tmp_path)
    first, second = (SharedWriter(files, LAYOUTS, SHARDS) for _ in range(2))
    ours, theirs = first.shards(), second.shards()
    assert next(ours) != next(theirs)
    ours.close()  # an error, before its shard is complete
    theirs.close()
    assert sorted(write(files)[0]) == list(range(SHARDS))
    assert_complete(files)
    assert write(files) == ([], False)  # of a process that comes late


def test_a_file_system_that_cannot_be_written_is_named(tmp_path):
    files = EncodedFiles(tmp_path)
    full = pytest.raises(DataError, match=r"cannot hold the encoded table, 2.0 GiB \(no space\)")
    with full, files.reporting_errors(2**31):
        raise OSError(28, "no space")


@pytest.mark.slow
def test_a_process_that_is_killed_loses_the_shard_that_it_was_writing(tmp_path):
    files = EncodedFiles(tmp_path)
    code = "import sys; sys.path.insert(0, {!r}); from test_shared_writer import *; write(EncodedFiles({!r}), 3)"
    code = code.format(os.path.dirname(__file__), tmp_path).replace("PosixPath(", "__import__('pathlib').Path(")
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "in the middle\n"
    other.kill()
    other.communicate()
    written, is_finished = write(files)
    assert len(written) == SHARDS - 3
    assert is_finished
    assert_complete(files)
