"""Encodings in files are whole or not there."""

import os
import time

import numpy as np
import pytest

from medley.cache import encoded_files as encoded
from medley.cache.encoded_files import EncodedFiles, Form
from medley.core.codec import Encoded
from medley.core.mapped import is_mapped
from medley.errors import DataError

FORM = Form([5, 2], (3,), np.dtype("float32"))


def fill(writer):
    rows = np.arange(21, dtype=np.float32).reshape(7, 3)
    writer.add(0, Encoded(rows[:2], np.array([True, False])))
    writer.add(1, Encoded(rows[5:], np.array([True, True])))
    writer.add(0, Encoded(rows[2:5], np.array([True, True, False])))
    writer.told = {"rows": [3]}


@pytest.fixture
def files(tmp_path):
    files = EncodedFiles(tmp_path / "tables")
    with files.writing({"a": FORM}) as writers:
        fill(writers["a"])
    return files


def test_what_was_written_batch_by_batch_is_mapped(files):
    kept = EncodedFiles(files.folder).open("a")
    assert kept.told == {"rows": [3]}
    assert kept.parts[0].array.tolist() == np.arange(15).reshape(5, 3).tolist()
    assert kept.parts[0].present.tolist() == [True, False, True, True, False]
    assert kept.parts[1].array.tolist() == [[15, 16, 17], [18, 19, 20]]
    assert all(is_mapped(one.array) for one in kept.parts)
    assert files.open("b") is None


@pytest.mark.parametrize("name", ["0.rows", "1.rows", "0.present", "done.json"])
@pytest.mark.parametrize("harm", ["cut", "change", "remove"])
def test_what_is_damaged_is_taken_away(files, name, harm):
    path = files.folder / "a" / name
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(content[:-1])
    else:
        content[0] ^= 255
        path.write_bytes(content)
    assert files.open("a") is None
    assert not (files.folder / "a").exists()


def test_what_was_not_finished_is_not_there(files):
    def interrupted():
        with files.writing({"b": FORM}) as writers:
            fill(writers["b"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert files.open("b") is None
    assert [one.name for one in files.folder.iterdir()] == ["a"]


def test_two_processes_that_write_the_same_agree(files):
    with EncodedFiles(files.folder).writing({"c": FORM}) as slow:
        with files.writing({"c": FORM}) as fast:
            fill(fast["c"])
        fill(slow["c"])
    assert files.open("c").told == {"rows": [3]}
    assert sorted(one.name for one in files.folder.iterdir()) == ["a", "c"]


def test_the_longest_unused_make_room(files, monkeypatch):
    for place, name in enumerate("bcd"):
        with files.writing({name: FORM}) as writers:
            fill(writers[name])
        os.utime(files.folder / name / "done.json", (place, place))
    monkeypatch.setattr(encoded, "SHARE", 1e-12)
    with files.writing({"e": FORM}) as writers:
        fill(writers["e"])
    assert files.open("e") is not None
    assert all(files.open(name) is None for name in "abcd")


def test_what_a_killed_process_left_is_taken_away_after_a_day(files):
    for name, age in ((".new-1-a", 2 * 86_400), (".new-2-b", 60)):
        (files.folder / name).mkdir()
        os.utime(files.folder / name, (time.time() - age,) * 2)
    with files.writing({"b": FORM}) as writers:
        fill(writers["b"])
    assert sorted(one.name for one in files.folder.iterdir()) == [".new-2-b", "a", "b"]


def test_a_folder_that_cannot_hold_it_is_told_with_the_size(files, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot hold the encoded table, 0\.0 GiB"), files.writing({"b": FORM}) as one:
        fill(one["b"])
    assert files.open("b") is None


def test_a_temporary_folder_goes_with_its_object(monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", "memory")
    files = EncodedFiles()
    folder = files.folder
    assert folder.is_dir()
    del files
    assert not folder.exists()


def test_rows_without_numbers_need_no_file(files):
    with files.writing({"none": Form([2, 0], (3,), np.dtype("uint8"))}) as writers:
        writers["none"].add(0, Encoded(np.ones((2, 3), np.uint8), np.ones(2, bool)))
    assert [one.array.shape for one in files.open("none").parts] == [(2, 3), (0, 3)]
