"""What a saved model declares is compared with its weights before it takes memory."""

import json
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import medley as md
from medley.core.serialization import json_bytes
from medley.errors import ArtifactError


@pytest.fixture
def saved(model, tmp_path):
    return model.save(tmp_path / "saved")


@contextmanager
def description(folder):
    """The JSON of a saved model, to be changed."""
    content = json.loads((folder / "model.json").read_text("utf-8"))
    yield content
    (folder / "model.json").write_bytes(json_bytes(content))


def weights_of(folder, content):
    return folder / content.get("files", {}).get("weights.safetensors", {"name": "weights.safetensors"})["name"]


def node(content, block):
    return next(entry for entry in content["graph"]["nodes"] if entry["block"] == block)


@pytest.mark.parametrize(
    ("field", "value"), [("num_layers", 10**9), ("num_layers", 10**6), ("num_units", 10**7), ("num_units", [10**6] * 9)]
)
def test_sizes_that_the_weights_do_not_have_take_neither_memory_nor_time(saved, field, value):
    with description(saved) as content:
        node(content, "tabular.dense")["fields"][field] = value
    begin = time.process_time()
    with pytest.raises(ArtifactError):
        md.load(saved)
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(saved, number):
    with description(saved) as content:
        path = weights_of(saved, content)
        content.pop("files", None)
        weights = load_file(path)
        name = next(name for name in weights if name.endswith("weight"))
        weights[name].view(-1)[0] = number
        save_file(weights, path)
    with pytest.raises(ArtifactError, match="NaN or infinite") as error:
        md.load(saved)
    assert name in str(error.value)


def test_a_head_that_reads_two_nodes_is_refused(saved):
    with description(saved) as content:
        head = node(content, "heads.regression")
        head["inputs"] = head["inputs"] * 3
    with pytest.raises(ArtifactError, match="reads one node"):
        md.load(saved)


def test_a_model_without_examples_quotes_no_cell(tmp_path):
    rows = {
        "word": ["zebrafinch", "kakapo"] * 20,
        "size": np.arange(40.0),
        "price": np.random.default_rng(0).normal(size=40),
    }
    model = md.fit(rows, "price", epochs=1, max_trials=1, verbose=0)
    assert model.table is not None
    quoted = json.dumps(json.loads((model.save(tmp_path / "a") / "model.json").read_text("utf-8"))["table"])
    silent = json.dumps(
        json.loads((model.save(tmp_path / "b", examples=False) / "model.json").read_text("utf-8"))["table"]
    )
    assert "kakapo" in quoted
    assert "kakapo" not in silent
    assert torch.equal(*(torch.tensor(md.load(tmp_path / name).predict(rows)["price"].to_numpy()) for name in "ab"))
    assert "not saved (examples=False)" in md.load(tmp_path / "b").describe()
