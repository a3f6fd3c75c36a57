"""Pretrained image encoders: image size and normalisation, and the graph that they become."""

import json
import shutil

import numpy as np
import pytest
import torch

import medley as md
from medley.errors import ConfigError, MedleyWarning
from medley.image.pretrained_format import read_image_format
from medley.nn.backbone_config import read_config
from medley.nn.hub import find

RNG = np.random.default_rng(0)
IMAGES = list(RNG.integers(0, 256, (24, 20, 28, 3), dtype=np.uint8))
LABELS = np.arange(24, dtype=float)


def fitted(draw, rows=IMAGES, photo=None, **settings):
    photo = photo or md.ImageInput(name="photo")
    auto = md.AutoModel([photo], [md.RegressionHead(name="y")(draw(photo))], max_trials=1, overwrite=True, **settings)
    auto.fit(rows, LABELS[: len(rows)], epochs=1, verbose=0)
    return auto.export_model()


def part(model, name):
    return next(node.block for node in model.graph.nodes() if type(node.block).__name__ == name)


def test_images_are_preprocessed_as_by_the_models_own_processor(tiny, tmp_path):
    from transformers import AutoImageProcessor, AutoModel

    model = fitted(md.PretrainedImageBlock(tiny("vit"), "cls"), directory=tmp_path)
    source = model.sources[0].codec
    assert (source.spec.shape, source.dtype) == ((3, 32, 32), np.uint8)
    pixels = AutoImageProcessor.from_pretrained(tiny("vit"))(IMAGES, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        reference = AutoModel.from_pretrained(tiny("vit")).eval()(pixels).last_hidden_state[:, 0]
    embedded = model.embed(IMAGES)
    np.testing.assert_allclose(embedded, reference.numpy(), rtol=1e-4, atol=1e-5)


def processed(tmp_path, tiny, settings, kind="vit"):
    folder = shutil.copytree(tiny(kind), tmp_path / "model", dirs_exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    files = find(str(folder))
    return read_image_format(files, read_config(files, "image"))


def test_size_mean_and_standard_deviation_come_from_the_models_files(tiny, tmp_path):
    processor = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "resample": 3}
    image_format = processed(tmp_path, tiny, {**processor, "size": {"height": 40, "width": 48}})
    assert (image_format.size, image_format.mean, image_format.std, image_format.interpolation) == (
        (40, 48),
        (pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.3)),
        (pytest.approx(0.4), pytest.approx(0.5), pytest.approx(0.6)),
        "bicubic",
    )
    cropped = {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True}
    assert processed(tmp_path, tiny, {**processor, **cropped}).size == (224, 224)
    assert processed(tmp_path, tiny, {**processor, "size": {"shortest_edge": 64}}).size == (64, 64)
    assert processed(tmp_path, tiny, {**processor, "size": 24}).size == (24, 24)
    assert processed(tmp_path, tiny, processor).size == (32, 32)  # that of the encoder's config


def test_processors_without_rescaling_or_normalisation(tiny, tmp_path):
    raw = processed(tmp_path, tiny, {"do_rescale": False, "do_normalize": False})
    assert np.allclose((0.5 - np.array(raw.mean)) / np.array(raw.std), 127.5)
    unit = processed(tmp_path, tiny, {"do_normalize": False})
    assert (unit.mean, unit.std) == ((0.0,) * 3, (1.0,) * 3)
    twice = processed(tmp_path, tiny, {"include_top": True, "image_mean": [0, 0, 0], "image_std": [0.5, 0.5, 0.5]})
    assert twice.std == pytest.approx((0.25,) * 3)


def test_a_model_without_a_processor_file_causes_a_warning(tiny, tmp_path):
    folder = shutil.copytree(tiny("vit"), tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    files = find(str(folder))
    with pytest.warns(MedleyWarning, match="normalised as those of ImageNet"):
        image = read_image_format(files, read_config(files, "image"))
    assert image.mean == (0.485, 0.456, 0.406)


def test_grey_images_missing_ones_and_other_sizes_are_read(tiny, tmp_path):
    grey = [np.asarray(image[:, :, 0]) for image in IMAGES[:12]]
    rows = [*grey[:5], None, *IMAGES[12:], RNG.integers(0, 256, (50, 40, 3), dtype=np.uint8)]
    model = fitted(md.PretrainedImageBlock(tiny("resnet")), rows, directory=tmp_path)
    raw = model.predict_raw([None, grey[0], IMAGES[0]])["y"]
    assert raw[0, 0] == model.targets["y"].prior[0]
    assert np.isfinite(raw).all()


def test_after_other_blocks_it_resizes_in_the_network(tiny, tmp_path):
    block = md.PretrainedImageBlock(tiny("vit"), trainable=False)
    model = fitted(lambda photo: block(md.ImageAugmentation()(photo)), directory=tmp_path)
    assert model.sources[0].codec.spec.shape == (3, 20, 28)
    assert part(model, "PretrainedImageEncoder").size == (32, 32)
    with pytest.raises(md.MedleyError, match="3 channels, or grey images, got"):
        fitted(
            lambda photo: block(md.Normalization()(photo)), [np.zeros((20, 20, 5), np.uint8)] * 24, directory=tmp_path
        )


def test_root_and_policy_of_the_input_are_used(tiny, tmp_path):
    photo = md.ImageInput(name="photo", root=tmp_path, on_bad_file="raise")
    with pytest.raises(md.MedleyError, match=r"nowhere\.png"):
        fitted(md.PretrainedImageBlock(tiny("vit")), ["nowhere.png", *IMAGES[:11]], photo, directory=tmp_path / "p")


def test_values_out_of_range_are_errors(tiny, tmp_path):
    waves = [RNG.normal(0, 50, (20, 20, 3)).astype(np.float32) for _ in range(24)]
    with pytest.raises(md.MedleyError, match=r"its pixels range from -\d+.* from 0 to 255"):
        fitted(md.PretrainedImageBlock(tiny("vit")), waves, directory=tmp_path)
    model = fitted(md.PretrainedImageBlock(tiny("vit")), IMAGES, directory=tmp_path)
    floats = fitted(
        md.PretrainedImageBlock(tiny("vit")), [image.astype(np.float32) for image in IMAGES], directory=tmp_path
    )
    np.testing.assert_array_equal(model.embed(IMAGES), floats.embed([image.astype(np.float64) for image in IMAGES]))


def test_images_of_a_set_share_one_encoder(tiny, tmp_path):
    block = md.ImageSetBlock(md.PretrainedImageBlock(tiny("dinov2"), trainable=False), pooling="mean")
    rows = [[IMAGES[i], IMAGES[-i]] if i % 3 else [IMAGES[i]] for i in range(24)]
    model = fitted(block, rows, md.ImageSetInput(name="photo"), directory=tmp_path)
    assert model.embed(rows).shape == (24, 16)


def test_attention_over_patches_is_a_separate_layer(tiny, tmp_path):
    for kind, steps in (("vit", 17), ("resnet", 16)):
        model = fitted(md.PretrainedImageBlock(tiny(kind), "attention", trainable=False), directory=tmp_path)
        encoder = next(step for step in model.network.steps if "encoder" in step.name)
        assert encoder.out.shape == (steps, 16)
        assert part(model, "PretrainedImageEncoder").frozen
        assert not part(model, "AttentionPooling").frozen


def test_large_encoders_are_not_fine_tuned_by_default(tiny, monkeypatch):
    from medley.core import tuning
    from medley.core.block import DataSummary
    from medley.core.spec import Spec

    block, specs = md.PretrainedImageBlock(tiny("swin")), [Spec((3, 32, 32), "CHW")]
    assert block.suggest_defaults(specs, DataSummary(100))["trainable"].choices == (False, True)
    assert block.suggest_defaults(specs, DataSummary(100))["pooling"].choices == ("mean", "attention")
    monkeypatch.setattr(tuning, "MAX_CHEAP_PARAMETERS", 100)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert block.suggest_defaults(specs, DataSummary(100))["trainable"].choices == (False,)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "name_or_path must be the folder"),
        ({"name_or_path": "x", "pooling": "max"}, "pooling must be one of"),
        ({"name_or_path": "x", "size": 0, "trainable": -1}, "2 errors"),
    ],
)
def test_invalid_settings_are_reported(settings, message):
    with pytest.raises(ConfigError, match=message):
        md.PretrainedImageBlock(**settings)


def test_a_text_encoder_is_an_error(tiny, tmp_path):
    with pytest.raises(md.MedleyError, match="reads texts: use PretrainedTextBlock"):
        fitted(md.PretrainedImageBlock(tiny("bert")), directory=tmp_path)


def as_hub(monkeypatch, tmp_path, tiny, names):
    """The hub's cache with tiny models under well-known names."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, kind in names.items():
        folder = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        shutil.copytree(tiny(kind), folder / "snapshots" / ("b" * 40))
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("b" * 40)


def reduced(block):
    return lambda photo: md.SpatialReduction("global_avg")(block(photo))


def test_pretrained_resnets_and_efficientnets_by_name(tiny, tmp_path, monkeypatch):
    names = {"microsoft/resnet-34": "resnet", "google/efficientnet-b2": "efficientnet"}
    as_hub(monkeypatch, tmp_path, tiny, names)
    model = fitted(reduced(md.ResNetBlock("resnet34", pretrained=True)), directory=tmp_path)
    encoder = part(model, "PretrainedImageEncoder")
    assert (encoder.name_or_path, encoder.revision, encoder.frozen) == ("microsoft/resnet-34", "b" * 40, True)
    model = fitted(reduced(md.EfficientNetBlock("b2", pretrained=True, trainable=1)), directory=tmp_path)
    assert part(model, "PretrainedImageEncoder").trainable == 1
    model = fitted(reduced(md.ResNetBlock(pretrained="auto")), directory=tmp_path)
    assert part(model, "PretrainedImageEncoder").name_or_path == "microsoft/resnet-34"
    model = fitted(reduced(md.ResNetBlock(pretrained=tiny("convnext"))), directory=tmp_path)
    assert part(model, "PretrainedImageEncoder").config["model_type"] == "convnext"
    with pytest.raises(md.MedleyError, match="No pretrained weights for 'microsoft/resnet-50'"):
        fitted(reduced(md.ResNetBlock("resnet50", pretrained=True)), directory=tmp_path)


@pytest.mark.parametrize("block", [md.ResNetBlock, md.EfficientNetBlock])
def test_auto_trains_from_scratch_with_a_warning_if_nothing_is_cached(block, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.warns(MedleyWarning, match=rf"{block.__name__}: no pretrained model in the hub's local cache"):
        model = fitted(reduced(block(pretrained="auto")), directory=tmp_path)
    assert part(model, block.__name__)


def test_the_default_block_tries_the_pretrained_encoder_first(tiny, tmp_path):
    photo = md.ImageInput(pretrained=tiny("vit"))
    auto = md.AutoModel([photo], [md.RegressionHead()], max_trials=1, directory=tmp_path)
    auto.fit(IMAGES, LABELS, epochs=1, verbose=0)
    model = auto.export_model()
    assert model.metadata["params"]["image_block_1.block_type"] == "pretrained"
    assert not [node for node in model.graph.nodes() if type(node.block).__name__ == "Normalization"]
