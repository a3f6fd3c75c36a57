"""Files are written completely or not at all, and leftovers of killed processes are removed."""

import os
import subprocess
import sys
import time

import pytest

from medley.core import files
from medley.core.files import is_temporary, remove_leftovers, replacing, write_file


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"old")
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".csv.gz")  # the ending determines the compression
        assert is_temporary(temporary.name)
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.csv.gz"]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_content_and_name_are_on_the_disk_before_the_call_returns(tmp_path, monkeypatch):
    events = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda number: (events.append(os.readlink(f"/proc/self/fd/{number}")), sync(number))
    )
    monkeypatch.setattr(os, "replace", lambda old, new: (events.append("replace"), replace(old, new)))
    write_file(tmp_path / "a", b"x")
    assert is_temporary(events[0].rpartition("/")[2])
    assert events[1:] == ["replace", str(tmp_path)]


def test_leftovers_of_killed_processes_are_removed_and_files_of_others_stay(tmp_path):
    program = "import os, sys; from pathlib import Path; from medley.core.files import replacing\n"
    program += "with replacing(Path(sys.argv[1])) as file:\n    file.write_bytes(b'half'); os._exit(9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a")], check=False)
    (left,) = os.listdir(tmp_path)
    assert is_temporary(left)
    mine, running, foreign = ("b", "c", "d")
    with replacing(tmp_path / mine) as temporary:
        temporary.write_bytes(b"x")
        (tmp_path / left.replace(left.split("-")[2], str(os.getppid())).replace(".a", f".{running}")).touch()
        (tmp_path / left.replace(left.split("-")[1], "0" * 8).replace(".a", f".{foreign}")).touch()
        (tmp_path / ".new-notes.txt").touch()
        remove_leftovers(tmp_path)
        assert {name.rpartition(".")[2] for name in os.listdir(tmp_path)} == {mine, running, foreign, "txt"}


def test_a_file_of_another_machine_is_a_leftover_after_a_day(tmp_path):
    path = tmp_path / f".new-{'0' * 8}-1-{'0' * 8}.a"
    path.touch()
    remove_leftovers(tmp_path)
    assert path.exists()
    old = time.time() - files.STALE_SECONDS - 1
    os.utime(path, (old, old))
    remove_leftovers(tmp_path)
    assert not path.exists()
