"""Finding pretrained models, and the errors if they are not found."""

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


def test_a_folder_is_used_as_it_is(tiny):
    files = find(tiny("bert"))
    assert (str(files.folder), files.revision) == (tiny("bert"), None)


def test_a_name_is_found_in_the_cache_with_its_commit(tiny, cache):
    snapshot = cached_as(cache, "someone/tiny-bert", tiny("bert"))
    files = find("someone/tiny-bert")
    assert (files.folder, files.revision) == (snapshot, "a" * 40)
    assert is_cached("someone/tiny-bert")
    assert first_cached(["nobody/nothing", "someone/tiny-bert"]) == "someone/tiny-bert"


def test_a_missing_model_is_an_error_with_places_and_advice(cache):
    with pytest.raises(WeightsNotFoundError) as error:
        find("google-bert/bert-base-uncased", "main")
    for part in (
        "'google-bert/bert-base-uncased' at revision main",
        str(cache),
        "HF_HUB_OFFLINE",
        "hf download",
        "folder",
    ):
        assert part in str(error.value)
    assert not is_cached("google-bert/bert-base-uncased")
    assert first_cached(["google-bert/bert-base-uncased"]) is None


def test_the_hub_is_accessed_only_if_allowed(cache, monkeypatch):
    local_calls = []

    def fetch(name, revision, *, local):
        local_calls.append(local)
        raise OSError("no route to the hub")

    monkeypatch.setattr(hub, "_fetch", fetch)
    with pytest.raises(WeightsNotFoundError, match="HF_HUB_OFFLINE is set"):
        find("someone/else")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert not is_cached("someone/else")
    assert local_calls == [True, True]
    with pytest.raises(WeightsNotFoundError, match="no route to the hub"):
        find("someone/else")
    assert local_calls[-1] is False


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_the_environment_can_forbid_network_access(value, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert is_offline()


def test_the_environment_sets_the_cache_folder(cache):
    assert cache_folder() == cache


@pytest.mark.parametrize("name", ["./missing", "/missing/model", "~/missing", "a/b/c"])
def test_a_path_is_not_taken_as_a_name_on_the_hub(name):
    with pytest.raises(WeightsNotFoundError, match="There is no folder"):
        find(name)


def test_a_folder_without_safetensors_is_an_error(tiny, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny("bert"), folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"does not contain model.safetensors. pytorch_model.bin is not read"):
        find(str(folder))
    with pytest.raises(ConfigError, match=r"does not contain config.json"):
        find(str(tmp_path))


def test_a_cached_model_without_all_shards_is_incomplete(tiny, cache):
    snapshot = cached_as(cache, "someone/large", tiny("bert"))
    (snapshot / "model.safetensors").rename(snapshot / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert not is_cached("someone/large")
    shutil.copy(snapshot / "model-00001-of-00002.safetensors", snapshot / "model-00002-of-00002.safetensors")
    assert is_cached("someone/large")
