"""Append-only stores of rows and texts."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.cache import row_stores as stores
from medley.cache.folder import KEY
from medley.cache.row_stores import RowStore, TextStore
from medley.errors import MedleyWarning


def keys_of(numbers):
    return np.array([int(number).to_bytes(16, "big") for number in numbers], KEY)


def rows_of(numbers):
    return np.asarray(list(numbers), "f4")[:, None] * np.ones(3, "f4")


@pytest.fixture(params=["memory", "disk"])
def folder(request, tmp_path):
    return tmp_path if request.param == "disk" else None


def test_added_rows_are_found(folder):
    store = RowStore(folder, (3,))
    assert store.missing(keys_of([1, 2, 1])).tolist() == [0, 1]
    store.add(keys_of([1, 2, 1]), rows_of([1, 2, 9]))
    store.add(keys_of([2, 7]), rows_of([9, 7]))
    assert len(store) == 3
    assert store.missing(keys_of([7, 8, 1])).tolist() == [1]
    assert np.array_equal(store.take(keys_of([7, 1, 7, 2])), rows_of([7, 1, 7, 2]))
    with pytest.raises(KeyError, match="1 of 2"):
        store.take(keys_of([1, 8]))


@given(st.lists(st.lists(st.integers(0, 2**16).map(lambda n: n * 2**56), max_size=8), max_size=5))
def test_a_store_is_a_dictionary(steps):
    # Keys that begin and end with zero bytes are among them.
    store, expected = RowStore(None, (3,)), {}
    for numbers in steps:
        rows = np.random.default_rng(len(expected)).normal(size=(len(numbers), 3)).astype("f4")
        store.add(keys_of(numbers), rows)
        for number, row in zip(numbers, rows, strict=True):
            expected.setdefault(number, row)
    assert len(store) == len(expected)
    assert np.array_equal(store.take(keys_of(expected)), np.array(list(expected.values()), "f4").reshape(-1, 3))


def test_rows_are_shared_between_processes(tmp_path):
    RowStore(tmp_path, (3,)).add(keys_of([1, 2]), rows_of([1, 2]))
    program = (
        "import sys, numpy as np; from pathlib import Path; from medley.cache.row_stores import RowStore\n"
        "from medley.cache.folder import KEY\n"
        "store = RowStore(Path(sys.argv[1]), (3,))\n"
        "keys = np.array([n.to_bytes(16, 'big') for n in (2, 3)], KEY)\n"
        "store.add(keys, store.take(keys[:1]).repeat(2, 0) + 1)\n"
    )
    store = RowStore(tmp_path, (3,))
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert len(store) == 2  # not seen before it asks
    store.refresh()
    assert np.array_equal(store.take(keys_of([1, 2, 3])), rows_of([1, 2, 3]))


def test_concurrent_writers_store_each_row_once(tmp_path):
    first, second = RowStore(tmp_path, (3,)), RowStore(tmp_path, (3,))
    first.add(keys_of([1, 2]), rows_of([1, 2]))
    second.add(keys_of([2, 3]), rows_of([9, 3]))
    assert (tmp_path / "3-float32.keys").stat().st_size == 3 * 16
    assert np.array_equal(second.take(keys_of([1, 2, 3])), rows_of([1, 2, 3]))


@pytest.mark.parametrize(("file", "extra"), [("rows", 5), ("rows", 17), ("keys", 5)])
def test_partial_writes_of_a_killed_process_are_removed(tmp_path, file, extra):
    store = RowStore(tmp_path, (3,))
    store.add(keys_of([1, 2]), rows_of([1, 2]))
    with (tmp_path / f"3-float32.{file}").open("ab") as file_end:
        file_end.write(b"x" * extra)
    if file == "keys":  # only a machine that lost its power leaves keys without rows
        with (tmp_path / "3-float32.keys").open("ab") as file_end:
            file_end.write(b"x" * 40)
    reopened = RowStore(tmp_path, (3,))
    assert len(reopened) == 2
    reopened.add(keys_of([3]), rows_of([3]))
    assert np.array_equal(RowStore(tmp_path, (3,)).take(keys_of([3, 2, 1])), rows_of([3, 2, 1]))


def test_each_shape_and_type_has_its_own_files(tmp_path):
    RowStore(tmp_path, (3,)).add(keys_of([1]), rows_of([1]))
    assert len(RowStore(tmp_path, (3, 1))) == 0
    assert len(RowStore(tmp_path, (3,), "uint8")) == 0


def test_rows_of_one_number_and_of_none(folder):
    for shape in ((), (0,), (2, 0)):
        store = RowStore(folder, shape)
        store.add(keys_of([1, 2]), np.zeros((2, *shape)))
        assert store.take(keys_of([2])).shape == (1, *shape)


def test_after_a_failed_write_the_store_continues_in_memory(tmp_path, monkeypatch):
    store = RowStore(tmp_path, (3,))
    store.add(keys_of([1]), rows_of([1]))

    def full(path, size, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stores, "_append", full)
    with pytest.warns(MedleyWarning, match="No space left"):
        store.add(keys_of([2, 1]), rows_of([2, 9]))
    store.add(keys_of([3]), rows_of([3]))
    assert np.array_equal(store.take(keys_of([3, 1, 2])), rows_of([3, 1, 2]))
    assert store.missing(keys_of([4, 2])).tolist() == [0]


def test_texts_are_found_again_and_may_be_edited(tmp_path):
    path = tmp_path / "captions.jsonl"
    store = TextStore(path)
    store.add({"a": "ein rotes Tor, groß\u2028und alt", "b": "a bed"})
    content = path.read_text(encoding="utf-8").replace("a bed", "two beds")
    path.write_text(content, encoding="utf-8")
    reopened = TextStore(path)
    assert reopened.take(["b", "a", "b"]) == ["two beds", "ein rotes Tor, groß\u2028und alt", "two beds"]
    reopened.add({"b": "three beds", "c": ""})
    assert TextStore(path).take(["b", "c"]) == ["three beds", ""]
    assert reopened.missing(["x", "a", "x"]) == ["x"]


def test_a_partial_line_is_ignored(tmp_path):
    path = tmp_path / "captions.jsonl"
    TextStore(path).add({"a": "one"})
    with path.open("a") as file:
        file.write('{"key": "b", "te')
    store = TextStore(path)
    assert store.missing(["a", "b"]) == ["b"]
    store.add({"b": "two"})
    assert TextStore(path).take(["a", "b"]) == ["one", "two"]
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()[::2]] == ["a", "b"]


def test_texts_that_cannot_be_written_stay_in_memory(tmp_path):
    store = TextStore(tmp_path / "none" / "captions.jsonl")
    with pytest.warns(MedleyWarning, match="in memory only"):
        store.add({"a": "one"})
    assert store.take(["a"]) == ["one"]
