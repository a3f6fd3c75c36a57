"""Stored encodings are complete or do not exist."""

import os
import time

import numpy as np
import pytest

from medley.cache import encoded_files
from medley.cache.encoded_files import EncodedFiles, EncodingLayout
from medley.core.codec import Encoded
from medley.core.mapped import is_mapped
from medley.errors import DataError

LAYOUT = EncodingLayout([5, 2], (3,), np.dtype("float32"))


def fill(writer):
    rows = np.arange(21, dtype=np.float32).reshape(7, 3)
    writer.add(0, Encoded(rows[:2], np.array([True, False])))
    writer.add(1, Encoded(rows[5:], np.array([True, True])))
    writer.add(0, Encoded(rows[2:5], np.array([True, True, False])))
    writer.metadata = {"rows": [3]}


@pytest.fixture
def files(tmp_path):
    files = EncodedFiles(tmp_path / "tables")
    with files.writing({"a": LAYOUT}) as writers:
        fill(writers["a"])
    return files


def test_written_batches_are_memory_mapped(files):
    stored = EncodedFiles(files.folder).open("a")
    assert stored.metadata == {"rows": [3]}
    assert stored.parts[0].array.tolist() == np.arange(15).reshape(5, 3).tolist()
    assert stored.parts[0].present.tolist() == [True, False, True, True, False]
    assert stored.parts[1].array.tolist() == [[15, 16, 17], [18, 19, 20]]
    assert all(is_mapped(part.array) for part in stored.parts)
    assert files.open("b") is None


@pytest.mark.parametrize("name", ["0.rows", "1.rows", "0.present", "done.json"])
@pytest.mark.parametrize("damage", ["cut", "change", "remove"])
def test_damaged_encodings_are_removed(files, name, damage):
    path = files.folder / "a" / name
    content = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-1])
    else:
        content[0] ^= 255
        path.write_bytes(content)
    assert files.open("a") is None
    assert not (files.folder / "a").exists()


def test_unfinished_encodings_are_not_stored(files):
    def interrupted():
        with files.writing({"b": LAYOUT}) as writers:
            fill(writers["b"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert files.open("b") is None
    assert [path.name for path in files.folder.iterdir()] == ["a"]


def test_two_processes_may_write_the_same_encoding(files):
    with EncodedFiles(files.folder).writing({"c": LAYOUT}) as slow:
        with files.writing({"c": LAYOUT}) as fast:
            fill(fast["c"])
        fill(slow["c"])
    assert files.open("c").metadata == {"rows": [3]}
    assert sorted(path.name for path in files.folder.iterdir()) == ["a", "c"]


def test_the_least_recently_used_are_removed_first(files, monkeypatch):
    for age, name in enumerate("bcd"):
        with files.writing({name: LAYOUT}) as writers:
            fill(writers[name])
        os.utime(files.folder / name / "done.json", (age, age))
    monkeypatch.setattr(encoded_files, "DISK_FRACTION", 1e-12)
    with files.writing({"e": LAYOUT}) as writers:
        fill(writers["e"])
    assert files.open("e") is not None
    assert all(files.open(name) is None for name in "abcd")


def test_files_of_a_killed_process_are_removed_after_a_day(files):
    for name, age in ((".new-1-a", 2 * 86_400), (".new-2-b", 60)):
        (files.folder / name).mkdir()
        os.utime(files.folder / name, (time.time() - age,) * 2)
    with files.writing({"b": LAYOUT}) as writers:
        fill(writers["b"])
    assert sorted(path.name for path in files.folder.iterdir()) == [".new-2-b", "a", "b"]


def test_a_full_disk_is_an_error_with_the_size(files, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(DataError, match=r"cannot hold the encoded table, 0\.0 GiB"),
        files.writing({"b": LAYOUT}) as writers,
    ):
        fill(writers["b"])
    assert files.open("b") is None


def test_a_temporary_folder_is_removed_with_its_object(monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", "memory")
    files = EncodedFiles()
    folder = files.folder
    assert folder.is_dir()
    del files
    assert not folder.exists()


def test_rows_without_numbers_need_no_file(files):
    with files.writing({"none": EncodingLayout([2, 0], (3,), np.dtype("uint8"))}) as writers:
        writers["none"].add(0, Encoded(np.ones((2, 3), np.uint8), np.ones(2, bool)))
    assert [part.array.shape for part in files.open("none").parts] == [(2, 3), (0, 3)]
