"""What `Model.export` refuses, and what it writes into which files."""

import json
import logging
import sys

import numpy as np
import pytest
import torch
from torch import nn

from medley import __version__
from medley.auto.automodel import AutoModel
from medley.core.layer import Layer
from medley.core.registry import register
from medley.core.serialization import FORMAT
from medley.core.torchblock import TorchBlock
from medley.errors import ConfigError, MissingDependencyError
from medley.heads import ClassificationHead, RegressionHead
from medley.image.captions import CaptionImages
from medley.image.input import ImageInput
from medley.model.onnx_graph import onnx_names
from medley.runtime import load
from medley.series.input import Input
from medley.tabular import DenseBlock
from medley.text.block import TextBlock


class Scripted(nn.Module):
    """Depends on its numbers while it runs, which no graph can."""

    def forward(self, x):
        return x * 2 if x.sum().item() > 0 else x


class Private(Layer):
    exports = False

    def build(self, *specs):
        return nn.Identity()

    def out(self, *specs):
        return specs[0]


def numbers():
    return np.random.default_rng(0).normal(size=(12, 3)).astype("float32")


def small(make_model, *blocks, name="x"):
    x = Input(name=name)
    node = x
    for block in blocks:
        node = block(node)
    heads = [RegressionHead(dropout=0.0, name="y")(node)]
    return make_model([x], heads, {name: numbers()}, {"y": np.linspace(0, 1, 12)})


def test_all_that_keeps_a_model_from_being_exported_is_reported_at_once(make_model, tmp_path):
    model = small(make_model, Private(name="mine"), Private(name="other"))
    with pytest.raises(ConfigError, match="4 errors") as error:
        model.export(tmp_path / "nowhere" / "model.zip")
    for text in ("ends in .onnx", "no folder", "mine (Private)", "other (Private)"):
        assert text in str(error.value)


def test_a_part_that_cannot_be_traced_is_named_with_the_reason(make_model, tmp_path):
    model = small(make_model, DenseBlock(num_layers=1, num_units=4, dropout=0.0), TorchBlock(Scripted(), name="odd"))
    with pytest.raises(ConfigError, match=r"^odd \(TorchBlock\) cannot be exported to ONNX: ") as error:
        model.export(tmp_path / "model.onnx")
    assert "dense" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


class Drifting(nn.Module):
    """Its output depends on something besides its rows, which an export treats as a constant."""

    def forward(self, x):
        return x * 2 if torch.compiler.is_compiling() else x


def test_a_network_that_computes_other_numbers_as_onnx_is_not_written(make_model, tmp_path):
    model = small(make_model, TorchBlock(Drifting(), name="odd"))
    with pytest.raises(ConfigError, match="The outputs of 'y' differ as ONNX"):
        model.export(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@register("test_export.sizes")
def sizes(images):
    return [f"{image.width} wide" for image in images]


def test_rows_that_are_made_of_others_cannot_be_exported(tmp_path):
    photo = ImageInput(name="photo")
    head = RegressionHead(dropout=0.0, name="y")(TextBlock()(CaptionImages(sizes, name="caption")(photo)))
    auto = AutoModel(photo, head, max_trials=1, directory=tmp_path / "search")
    images = [np.full((4, 4 + row % 3, 3), row, np.uint8) for row in range(12)]
    auto.fit(images, np.linspace(0, 1, 12), epochs=1, verbose=0)
    with pytest.raises(ConfigError, match=r"caption \(CaptionImages\) derives its rows from other inputs' rows"):
        auto.export_model().export(tmp_path / "model.onnx")


def test_names_of_all_kinds_and_heads_beside_each_other(make_model, tmp_path, capsys):
    first, second = Input(name="x%.1"), Input(name="x%.1.present")
    odd = [ClassificationHead(dropout=0.0, name="type")(DenseBlock(num_units=(4,), dropout=0.0, name="train")(first))]
    odd.append(RegressionHead(dropout=0.0, name="größe in m²")(second))
    x = {"x%.1": numbers(), "x%.1.present": numbers()[:, :2]}
    y = {"type": ["a", "b"] * 6, "größe in m²": np.linspace(0, 1, 12)}
    model = make_model([first, second], odd, x, y)
    before = logging.getLogger("torch.onnx").level
    ours = load(model.export(tmp_path / "model.onnx"))
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger("torch.onnx").level == before
    expected, actual = model.predict_raw(x), ours.predict_raw(x)
    for name in expected:
        np.testing.assert_allclose(actual[name], expected[name], atol=1e-5)
    assert len({*onnx_names(model.network).present.values(), *x}) == 4


def test_weights_of_large_models_lie_in_a_file_of_their_own(make_model, tmp_path, monkeypatch):
    import torch.onnx._internal.exporter._onnx_program as program

    monkeypatch.setattr(program, "_LARGE_MODEL_THRESHOLD", 1000)
    model = small(make_model, DenseBlock(num_layers=1, num_units=512, dropout=0.0))
    path = model.export(tmp_path / "model.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data", "model.onnx.json"]
    np.testing.assert_allclose(load(path).predict(numbers()), model.predict(numbers()), atol=1e-5)
    (tmp_path / "model.onnx.data").unlink()
    with pytest.raises(ValueError, match="which holds weights of the model"):
        load(path)


def test_an_export_replaces_another_as_a_whole(make_model, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("old")
    model = small(make_model)
    model.export(path)
    manifest = json.loads((tmp_path / "model.onnx.json").read_text("utf-8"))
    assert (manifest["format"], manifest["medley"]) == (FORMAT, __version__)
    assert manifest["versions"]["torch"].startswith(torch.__version__.partition("+")[0])
    assert manifest["onnx"]["bytes"] == path.stat().st_size
    assert [head["name"] for head in manifest["heads"]] == ["y"]


def test_missing_packages_are_reported_before_anything_is_written(make_model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'medley\[export\]'"):
        small(make_model).export(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
