"""Where pretrained models are looked for, and what is told where they are not."""

import json
import shutil

import pytest

from medley.errors import ConfigError
from medley.nn import hub
from medley.nn.hub import WeightsNotFoundError, cache_folder, find, first_cached, is_cached, is_offline


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    return folder


def cached_as(cache, name, source, commit="a" * 40):
    """A model in the hub's cache, laid out as the hub's client does."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(source, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return snapshot


def test_a_folder_is_taken_as_it_is(tiny):
    found = find(tiny("bert"))
    assert (str(found.folder), found.revision) == (tiny("bert"), None)


def test_a_name_is_found_in_the_cache_with_its_commit(tiny, cache):
    snapshot = cached_as(cache, "someone/tiny-bert", tiny("bert"))
    found = find("someone/tiny-bert")
    assert (found.folder, found.revision) == (snapshot, "a" * 40)
    assert is_cached("someone/tiny-bert")
    assert first_cached(["nobody/nothing", "someone/tiny-bert"]) == "someone/tiny-bert"


def test_what_is_not_there_is_told_with_where_and_the_way_out(cache):
    with pytest.raises(WeightsNotFoundError) as told:
        find("google-bert/bert-base-uncased", "main")
    for word in (
        "'google-bert/bert-base-uncased' at revision main",
        str(cache),
        "HF_HUB_OFFLINE",
        "hf download",
        "folder",
    ):
        assert word in str(told.value)
    assert not is_cached("google-bert/bert-base-uncased")
    assert first_cached(["google-bert/bert-base-uncased"]) is None


def test_the_hub_is_asked_only_where_that_is_allowed(cache, monkeypatch):
    asked = []

    def fetch(name, revision, *, local):
        asked.append(local)
        raise OSError("no route to the hub")

    monkeypatch.setattr(hub, "_fetch", fetch)
    with pytest.raises(WeightsNotFoundError, match="HF_HUB_OFFLINE is set"):
        find("someone/else")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert not is_cached("someone/else")
    assert asked == [True, True]
    with pytest.raises(WeightsNotFoundError, match="no route to the hub"):
        find("someone/else")
    assert asked[-1] is False


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_the_environment_says_offline(word, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", word)
    assert is_offline()


def test_the_cache_is_where_the_environment_says(cache):
    assert cache_folder() == cache


@pytest.mark.parametrize("name", ["./missing", "/missing/model", "~/missing", "a/b/c"])
def test_a_path_that_is_no_folder_is_no_name_on_the_hub(name):
    with pytest.raises(WeightsNotFoundError, match="There is no folder"):
        find(name)


def test_a_folder_without_safetensors_is_refused(tiny, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny("bert"), folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"no model.safetensors. pytorch_model.bin is not read"):
        find(str(folder))
    with pytest.raises(ConfigError, match=r"holds no config.json"):
        find(str(tmp_path))


def test_a_cache_that_lacks_a_shard_is_not_whole(tiny, cache):
    snapshot = cached_as(cache, "someone/large", tiny("bert"))
    (snapshot / "model.safetensors").rename(snapshot / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert not is_cached("someone/large")
    shutil.copy(snapshot / "model-00001-of-00002.safetensors", snapshot / "model-00002-of-00002.safetensors")
    assert is_cached("someone/large")
