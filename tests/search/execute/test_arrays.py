"""Arrays that processes share: mapped, not copied, and never of anything but numbers."""

import json

import numpy as np
import pytest

from medley.core.mapped import is_mapped
from medley.errors import ArtifactError
from medley.search.execute.arrays import ArrayFolder, ArrayNames


def test_arrays_come_back_whatever_their_type(tmp_path):
    arrays = {
        "0": np.arange(6.0).reshape(2, 3),
        "1": np.array([True, False]),
        "2": np.zeros((0, 4), "float32"),
        "3": np.asfortranarray(np.arange(6).reshape(2, 3)),
    }
    ArrayFolder(tmp_path).write(arrays)
    read = ArrayFolder(tmp_path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read.read(name), array)
        assert read.read(name).dtype == array.dtype


def test_what_a_process_writes_stays_its_own(tmp_path):
    ArrayFolder(tmp_path).write({"0": np.zeros(3)})
    ArrayFolder(tmp_path).read("0")[0] = 1
    assert ArrayFolder(tmp_path).read("0")[0] == 0


def test_a_file_is_linked_and_survives_its_first_name(tmp_path):
    path = tmp_path / "cache.rows"
    written = np.memmap(path, "float32", "w+", shape=(4, 2))
    written[:] = 7
    written.flush()
    folder = ArrayFolder(tmp_path / "arrays")
    assert folder.write({"0": np.memmap(path, "float32", "r", shape=(4, 2))}) == 0
    inode = path.stat().st_ino
    path.unlink()
    array = ArrayFolder(tmp_path / "arrays").read("0")
    assert is_mapped(array)
    assert (array == 7).all()
    assert (tmp_path / "arrays" / "0.rows").stat().st_ino == inode


def test_a_part_of_a_file_is_copied(tmp_path):
    path = tmp_path / "cache.rows"
    np.memmap(path, "float32", "w+", shape=(4, 2))[:] = 7
    folder = ArrayFolder(tmp_path / "arrays")
    assert folder.write({"0": np.memmap(path, "float32", "r", shape=(2, 2), offset=8)}) == 16
    assert (folder.read("0") == 7).all()


def test_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        ArrayFolder(tmp_path).write({"0": np.array([{}])})
    np.save(tmp_path / "1.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "2.json").write_text(json.dumps({"dtype": "O", "shape": [1]}))
    (tmp_path / "2.rows").write_bytes(bytes(8))
    for name in ("1", "2", "3", "../1"):
        with pytest.raises(ArtifactError, match="cannot be read as an array"):
            ArrayFolder(tmp_path).read(name)


def test_names_are_those_of_objects_not_of_contents():
    names = ArrayNames()
    array = np.zeros(2)
    assert names.name(array) == names.name(array) != names.name(np.zeros(2))
