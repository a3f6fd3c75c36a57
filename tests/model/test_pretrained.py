"""Saved models with pretrained parts: bit for bit the same without the hub, copied or named."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import medley as md
from medley.errors import ArtifactError, ConfigError

IMAGES = list(np.random.default_rng(0).integers(0, 256, (16, 20, 20, 3), dtype=np.uint8))
TEXTS = ["a lovely dress", "terrible quality", None, "small and rough"] * 4

ALONE = """
import sys, numpy as np, medley as md
raw = md.load(sys.argv[1]).predict_raw({"photo": list(np.load(sys.argv[2])), "note": %r})
np.save(sys.argv[3], raw["y"])
"""


@pytest.fixture
def folders(tiny, tmp_path):
    """Copies of two pretrained models, to be deleted or changed."""
    return {kind: str(shutil.copytree(tiny(kind), tmp_path / "originals" / kind)) for kind in ("vit", "bert")}


def fitted(folders, trainable, tmp_path, pooling="mean"):
    photo, note = md.ImageInput(name="photo"), md.TextInput(name="note")
    nodes = [
        md.PretrainedImageBlock(folders["vit"], pooling, trainable=trainable)(photo),
        md.PretrainedTextBlock(folders["bert"], pooling, trainable=trainable)(note),
    ]
    auto = md.AutoModel(
        [photo, note], [md.RegressionHead(name="y")(md.Merge()(nodes))], max_trials=1, directory=tmp_path
    )
    auto.fit([IMAGES, TEXTS], np.arange(16.0), epochs=1, verbose=0)
    return auto.export_model()


def raw(model):
    return model.predict_raw({"photo": IMAGES, "note": TEXTS})["y"]


@pytest.mark.parametrize(("trainable", "pooling"), [(False, "attention"), (True, "cls"), (1, "mean"), ("lora", "mean")])
def test_a_saved_model_needs_neither_hub_nor_folder(trainable, pooling, folders, tmp_path):
    model = fitted(folders, trainable, tmp_path, pooling)
    before = raw(model)
    model.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "originals")
    assert np.array_equal(raw(md.load(tmp_path / "model")), before)


def test_another_process_predicts_the_same_bits_offline(folders, tmp_path):
    model = fitted(folders, False, tmp_path)
    model.save(tmp_path / "model")
    np.save(tmp_path / "images.npy", np.stack(IMAGES))
    before = raw(model)
    shutil.rmtree(tmp_path / "originals")
    files = [str(tmp_path / name) for name in ("model", "images.npy", "out.npy")]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(tmp_path / "empty")}
    subprocess.run([sys.executable, "-c", ALONE % TEXTS, *files], check=True, env=environment, timeout=240)
    assert np.array_equal(np.load(tmp_path / "out.npy"), before)


@pytest.mark.parametrize("trainable", [False, 1, "lora"])
def test_untouched_weights_may_be_named_instead(trainable, folders, tmp_path):
    model = fitted(folders, trainable, tmp_path)
    copied, named = tmp_path / "copied", tmp_path / "named"
    model.save(copied)
    model.save(named, pretrained="reference")
    sizes = [(folder / "weights.safetensors").stat().st_size for folder in (copied, named)]
    assert sizes[1] < sizes[0] / 2
    entries = json.loads((named / "model.json").read_text())["pretrained"]
    assert sorted(entry["name"] for entry in entries) == sorted(folders.values())
    assert {len(entry["checksum"]) for entry in entries} == {64}
    assert np.array_equal(raw(md.load(named)), raw(model))
    assert np.array_equal(raw(md.load(copied)), raw(model))


def test_a_wholly_tuned_model_has_nothing_to_name(folders, tmp_path):
    model = fitted(folders, True, tmp_path)
    model.save(tmp_path / "model", pretrained="reference")
    shutil.rmtree(tmp_path / "originals")
    assert np.array_equal(raw(md.load(tmp_path / "model")), raw(model))


def test_named_weights_that_are_gone_or_differ_are_reported(folders, tiny, tmp_path):
    model = fitted(folders, False, tmp_path)
    model.save(tmp_path / "model", pretrained="reference")
    weights = tmp_path / "originals" / "vit" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[8 + int.from_bytes(content[:8], "little")] ^= 1  # of the first tensor behind the header
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"vit' are not those that it was trained with.*pretrained='copy'"):
        md.load(tmp_path / "model")
    shutil.rmtree(tmp_path / "originals")
    with pytest.raises(ArtifactError, match=r"saved with pretrained='reference'.*There is no folder"):
        md.load(tmp_path / "model")
    with pytest.raises(ConfigError, match="There is no folder"):
        model.save(tmp_path / "other", pretrained="reference")
    with pytest.raises(ConfigError, match="pretrained must be 'copy' or 'reference', got 'refer'"):
        model.save(tmp_path / "other", pretrained="refer")


def test_names_on_the_hub_are_kept_with_their_commit(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(tiny("vit"), folder / "snapshots" / ("c" * 40))
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("c" * 40)
    photo = md.ImageInput(name="photo")
    node = md.PretrainedImageBlock("someone/tiny", trainable=False)(photo)
    auto = md.AutoModel([photo], [md.RegressionHead(name="y")(node)], max_trials=1, directory=tmp_path)
    auto.fit(IMAGES, np.arange(16.0), epochs=1, verbose=0)
    model = auto.export_model()
    model.save(tmp_path / "model", pretrained="reference")
    entries = json.loads((tmp_path / "model" / "model.json").read_text())["pretrained"]
    assert [(entry["name"], entry["revision"]) for entry in entries] == [("someone/tiny", "c" * 40)]
    (folder / "refs" / "main").unlink()  # the branch moves on; the commit stays
    assert np.array_equal(md.load(tmp_path / "model").predict_raw(IMAGES)["y"], model.predict_raw(IMAGES)["y"])


def test_loading_reads_the_weights_once(folders, tmp_path, monkeypatch):
    model = fitted(folders, False, tmp_path)
    model.save(tmp_path / "model")
    monkeypatch.setattr("medley.nn.backbone._load", lambda *_: pytest.fail("weights that are in the model were read"))
    md.load(tmp_path / "model")
