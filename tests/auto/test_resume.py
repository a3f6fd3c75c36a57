"""A search that was interrupted or killed is continued in the middle of an epoch, and ends in the same bits."""

import hashlib

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import ConfigError
from medley.search import checkpoint
from medley.search.checkpoint import TrialCheckpoints


class Killed(BaseException):
    """Ends a search as a killed process would: nothing catches it."""


@pytest.fixture(autouse=True)
def _checkpoints_at_every_step(monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "MAX_COST", 1e9)


def killing_after(monkeypatch, count):
    """The process is killed after so many checkpoints; returns their stages."""
    stages = []
    save = TrialCheckpoints.save

    def limited(self, stage, take):
        save(self, stage, take)
        stages.append(stage)
        if len(stages) == count:
            raise Killed

    monkeypatch.setattr(TrialCheckpoints, "save", limited)
    return stages


def digest(model):
    content = hashlib.sha256(repr(model.metadata["scores"]).encode())
    for name, tensor in sorted(model.network.state_dict().items()):
        content.update(name.encode() + tensor.numpy().tobytes())
    return content.hexdigest()


def frame(images):
    rng = np.random.default_rng(0)
    size, bright = rng.normal(size=120), rng.integers(0, 60, 120)
    columns = {"size": size, "kind": rng.choice(["a", "b"], 120), "price": 10 + 5 * size + bright}
    columns["label"] = np.where(size + rng.normal(size=120) > 0, "big", "small")
    if images:
        columns["photo"] = [rng.integers(0, 90, (16, 16, 3), dtype=np.uint8) + np.uint8(b + 60) for b in bright]
    return pd.DataFrame(columns)


def fit(table, folder, **options):
    arguments = {
        "max_trials": 1,
        "epochs": 2,
        "verbose": 0,
        "pretrained": None,
        "directory": folder,
        "time_limit": None,
    }
    return md.fit(table, ["price", "label"], **{**arguments, **options})


@pytest.mark.parametrize("case", ["one stage", "two stages", "file larger than memory"])
def test_a_killed_table_search_ends_in_the_same_bits(case, tmp_path, monkeypatch):
    table, options = frame(case == "two stages"), {}
    if case == "file larger than memory":
        table.to_csv(tmp_path / "t.csv", index=False)
        table, options = tmp_path / "t.csv", {"memory": 2_000}
    with monkeypatch.context() as patch:
        stages = killing_after(patch, -1)
        expected = digest(fit(table, tmp_path / "whole", **options))
    assert len(stages) > 5
    last_first = max((place for place, stage in enumerate(stages, 1) if stage == "first"), default=len(stages) // 2)
    assert (last_first < len(stages)) == ("main" in stages)
    for place in (2, min(last_first + 2, len(stages) - 1)):
        folder = tmp_path / str(place)
        with monkeypatch.context() as patch:
            killing_after(patch, place)
            with pytest.raises(Killed):
                fit(table, folder, **options)
        with monkeypatch.context() as patch:
            rest = killing_after(patch, -1)
            assert digest(fit(table, folder, resume=True, **options)) == expected
        assert len(rest) < len(stages) - place + 4  # it did not begin again
        assert not (folder / "table_model" / "checkpoints").exists()


def automodel(folder, **options):
    x = md.Input(name="x")
    node = md.DenseBlock(dropout=0.3)(x)
    heads = [md.ClassificationHead(name="kind")(node), md.RegressionHead(name="price")(node)]
    return md.AutoModel([x], heads, **{"project_name": "p", "directory": folder, "max_trials": 2, **options})


X = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
Y = {"kind": np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)], "price": 3 * X[:, 1]}


def search(folder, auto=None, callbacks=None, **options):
    auto = auto or automodel(folder)
    auto.fit({"x": X}, Y, epochs=3, batch_size=16, verbose=0, callbacks=callbacks, **options)
    return auto


def interrupt(record):
    if record.epoch == 1:
        raise KeyboardInterrupt


def test_an_interrupted_trial_is_continued_and_not_counted_as_complete(tmp_path):
    expected = search(tmp_path / "whole")
    first = search(tmp_path / "p", callbacks=[interrupt])
    assert first.history["state"].tolist() == ["interrupted"]
    assert first.model.metadata["search"]["ended"] == "interrupted"
    assert automodel(tmp_path / "p").predict({"x": X})["price"].shape == (80,)  # a new process has it too
    again = search(tmp_path / "p", resume=True)
    assert again.history["state"].tolist() == expected.history["state"].tolist()
    assert digest(again.model) == digest(expected.model)


def test_resume_needs_a_search(tmp_path):
    with pytest.raises(ConfigError, match="resume needs a search to continue"):
        search(tmp_path, resume=True)
    assert not (tmp_path / "p").exists()


def test_resume_adds_trials_to_a_search_that_has_ended_also_of_the_same_object(tmp_path):
    auto = search(tmp_path)
    auto.max_trials = 3
    search(tmp_path, auto, resume=True)
    assert auto.history["number"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("damage", ["weights", "noise", "checkpoint"])
def test_what_is_damaged_is_reported_and_run_again(tmp_path, damage):
    expected = digest(search(tmp_path / "whole").model)
    if damage == "checkpoint":
        search(tmp_path, callbacks=[interrupt])
        for path in (tmp_path / "p" / "checkpoints").rglob("*.safetensors"):
            path.write_bytes(b"noise")
        with pytest.warns(UserWarning, match="A checkpoint is ignored"):
            again = search(tmp_path, resume=True)
    elif damage == "weights":
        best = int(search(tmp_path).history.sort_values("score")["number"].iloc[0])
        (weights,) = (tmp_path / "p" / "trials" / str(best)).glob("weights*.safetensors")
        weights.write_bytes(b"")
        again = search(tmp_path)
        assert (tmp_path / "p" / "damaged").is_dir()
    else:
        search(tmp_path)
        path = tmp_path / "p" / "trials.jsonl"
        path.write_bytes(b"\xff\n3\n" + path.read_bytes().split(b"\n")[0] + b"\n")
        with pytest.warns(UserWarning, match="line 1 is damaged"):
            again = search(tmp_path)
    assert sorted(again.history["number"]) == [0, 1]
    assert digest(again.model) == expected
