"""The cache folder and the keys of its entries."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from medley.cache import folder as cache
from medley.errors import MedleyWarning


@pytest.mark.parametrize("setting", ["", "off", "OFF "])
def test_off_disables_the_cache(monkeypatch, setting):
    monkeypatch.setenv(cache.VARIABLE, setting)
    assert not cache.is_on()
    assert cache.folder("x") is None


def test_memory_writes_nothing_to_disk(monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "memory")
    assert cache.is_on()
    assert cache.folder("x") is None


def test_the_variable_sets_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    assert cache.folder("frozen", "abc") == tmp_path / "kept" / "frozen" / "abc"
    assert (tmp_path / "kept" / "frozen" / "abc").is_dir()


@pytest.mark.parametrize(
    ("platform", "path"),
    [("linux", "cache"), ("darwin", "home/Library/Caches"), ("win32", "local")],
)
def test_the_default_is_the_users_cache_folder(monkeypatch, tmp_path, platform, path):
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setattr(cache.Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(cache.sys, "platform", platform)
    assert cache.root() == tmp_path / path / "medley"


def test_a_folder_that_cannot_be_written_causes_one_warning(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    with pytest.warns(MedleyWarning, match="in memory only.*MEDLEY_CACHE"):
        assert cache.folder("frozen") is None
    assert cache.folder("frozen") is None  # a second warning would be an error here


def test_digests_depend_on_content_type_and_shape():
    zeros = [np.zeros(2), np.zeros(2, "f4"), np.zeros((2, 1)), np.zeros((1, 2)), np.zeros(0), np.ones(2)]
    things = [*zeros, "ab", b"ab", ""]
    assert len({cache.digest(thing) for thing in things}) == len(things)
    assert cache.digest("a", "bc") != cache.digest("ab", "c")
    assert cache.digest(np.zeros((4, 2))[::2]) == cache.digest(np.zeros((2, 2)))


@given(arrays("i4", array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=6), elements=st.integers(0, 2)))
def test_rows_have_the_same_key_if_and_only_if_they_are_equal(rows):
    keys = cache.row_keys(rows)
    flat = [row.tobytes() for row in rows]
    assert keys.shape == (len(rows),)
    for i in range(len(rows)):
        for j in range(len(rows)):
            assert (keys[i] == keys[j]) == (flat[i] == flat[j])


def test_keys_of_other_types_differ():
    assert cache.row_keys(np.zeros((1, 4), "i4"))[0] != cache.row_keys(np.zeros((1, 4), "f4"))[0]
    assert cache.row_keys(np.zeros((1, 4), "f4"))[0] != cache.row_keys(np.zeros((1, 2, 2), "f4"))[0]


def test_digests_become_keys():
    digest = cache.digest("a")
    assert cache.as_keys([digest])[0] == bytes.fromhex(digest).rstrip(b"\0")
    assert Path(digest).name == digest
