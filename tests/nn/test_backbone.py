"""Pretrained encoders: the same outputs as transformers, and which parameters are trained."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from medley.errors import ConfigError, MissingDependencyError
from medley.nn.backbone import BackbonePlan, blank, build
from medley.nn.backbone_config import read_config
from medley.nn.backbone_inputs import ImageEncoder, TextEncoder
from medley.nn.backbone_layers import depths, layers_of
from medley.nn.backbone_sizes import has_summary, parameters_of, states_shape, width_of
from medley.nn.hub import find
from medley.nn.tokenizer import padding_of

TEXTS = ("bert", "roberta", "distilbert", "deberta-v2", "t5", "clip", "siglip")
IMAGES = ("vit", "dinov2", "resnet", "convnext", "swin", "efficientnet", "clip", "siglip")
CLASS_TOKEN = ("vit", "dinov2")


def plan(folder, modality, **settings):
    layers = settings.pop("num_hidden_layers", None)
    return BackbonePlan(read_config(find(folder), modality, layers), folder, **settings)


def text_encoder(folder, **settings):
    text_plan = plan(folder, "text", **settings)
    return TextEncoder(build(text_plan), padding_of(dict(text_plan.config)))


def image_encoder(folder, **settings):
    return ImageEncoder(
        build(plan(folder, "image", **settings)), (32, 32), [0.4, 0.5, 0.6], [0.2, 0.25, 0.3], "bilinear"
    )


def transformers_encoder(folder, modality):
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    kind = config.model_type
    if kind in ("clip", "siglip"):
        name = {"clip": "CLIP", "siglip": "Siglip"}[kind] + {"text": "Text", "image": "Vision"}[modality]
        return getattr(transformers, f"{name}Model").from_pretrained(folder).eval()
    model = transformers.AutoModel.from_pretrained(folder).eval()
    return model.get_encoder() if kind == "t5" else model


def token_ids():
    ids = torch.randint(5, 40, (4, 9), generator=torch.Generator().manual_seed(0))
    for row, length in enumerate((9, 6, 3, 1)):
        ids[row, length:] = 0
    return ids


def images():
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("pooling", ["mean", "cls", "none"])
def test_text_encoders_match_transformers(kind, pooling, tiny):
    folder, x = tiny(kind), token_ids()
    mask = x > 0
    model = transformers_encoder(folder, "text")
    ids = torch.where(mask, x - 1, padding_of(model.config.to_dict()))
    with torch.no_grad():
        ours = text_encoder(folder, pooling=pooling).eval()(x)
        output = model(input_ids=ids, attention_mask=mask.long())
    states = output.last_hidden_state
    if pooling == "cls":
        expected = output.pooler_output if kind in ("clip", "siglip") else states[:, 0]
    elif pooling == "mean":
        expected = torch.stack([row[row_mask].mean(0) for row, row_mask in zip(states, mask, strict=True)])
    else:
        expected = states * mask.unsqueeze(2)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", IMAGES)
def test_image_encoders_match_transformers(kind, tiny):
    folder, x = tiny(kind), images()
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(3, 1, 1)
    with torch.no_grad():
        output = transformers_encoder(folder, "image")(pixel_values=(x - mean) / std)
        states = output.last_hidden_state
        ours = image_encoder(folder, pooling="mean").eval()(x)
        if states.ndim == 4:
            torch.testing.assert_close(ours, output.pooler_output.flatten(1), rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(image_encoder(folder, pooling="map").eval()(x), states)
        else:
            first = 1 if kind in (*CLASS_TOKEN, "clip") else 0
            torch.testing.assert_close(ours, states[:, first:].mean(1), rtol=1e-4, atol=1e-5)
        if kind in (*CLASS_TOKEN, "clip", "siglip"):
            expected = states[:, 0] if kind in CLASS_TOKEN else output.pooler_output
            torch.testing.assert_close(image_encoder(folder, pooling="cls").eval()(x), expected)
        else:
            with pytest.raises(ConfigError, match="has no class token"):
                image_encoder(folder, pooling="cls")


@pytest.mark.parametrize("kind", IMAGES)
def test_shapes_are_known_without_weights(kind, tiny):
    config = read_config(find(tiny(kind)), "image")
    module = image_encoder(tiny(kind), pooling="mean").eval()
    assert module(images()).shape == (4, width_of(config))
    assert image_encoder(tiny(kind), pooling="none").eval()(images()).shape[1:] == states_shape(
        config, (32, 32), "none"
    )
    assert has_summary(config) == (kind in (*CLASS_TOKEN, "clip", "siglip"))
    with blank():
        empty = build(BackbonePlan(config, "nowhere"))
    assert parameters_of(config) >= sum(p.numel() for p in empty.parameters())


def test_images_are_resized_and_grey_images_get_three_channels(tiny):
    module = image_encoder(tiny("vit"), pooling="cls").eval()
    grey = torch.rand(2, 1, 20, 50)
    with torch.no_grad():
        torch.testing.assert_close(module(grey), module(grey.expand(-1, 3, -1, -1)))
        assert module(grey).isfinite().all()


def test_positions_are_interpolated_for_other_image_sizes(tiny):
    module = ImageEncoder(build(plan(tiny("vit"), "image")), (48, 64), [0.5] * 3, [0.5] * 3, "bicubic").eval()
    with torch.no_grad():
        assert module(images()).shape == (4, 16)


def test_num_hidden_layers_keeps_the_first_layers(tiny):
    folder, x = tiny("bert"), token_ids()
    model = transformers_encoder(folder, "text")
    with torch.no_grad():
        input_ids, mask = torch.where(x > 0, x - 1, 0), (x > 0).long()
        output = model(input_ids=input_ids, attention_mask=mask, output_hidden_states=True)
        ours = text_encoder(folder, pooling="cls", num_hidden_layers=1).eval()
        torch.testing.assert_close(ours(x), output.hidden_states[1][:, 0])
    assert list(layers_of(ours.backbone.encoder)) == ["encoder.layer.0"]


@pytest.mark.parametrize(
    ("kind", "modality", "layers", "message"),
    [
        ("bert", "text", 3, "the model has 2 layers"),
        ("resnet", "image", 1, "stages of different widths"),
        ("swin", "image", 1, "stages of different widths"),
        ("vit", "text", None, "reads images: use PretrainedImageBlock"),
        ("bert", "image", None, "reads texts: use PretrainedTextBlock"),
    ],
)
def test_unsupported_configs_are_errors(kind, modality, layers, message, tiny):
    with pytest.raises(ConfigError, match=message):
        read_config(find(tiny(kind)), modality, layers)


def changed_parameters(module):
    """Names of the parameters that a training step changes."""
    module.train()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1.0)
    torch.manual_seed(0)
    for _ in range(2):  # the first step changes only one of the two factors of a low-rank adapter
        out = module(token_ids() if isinstance(module, TextEncoder) else images())
        (out * torch.randn(out.shape)).sum().backward()
        optimizer.step()
    return {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}


def is_top(name):
    return ".1." in name.partition("layer")[2] or name.startswith("backbone.encoder.layernorm")


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_only_trainable_parameters_change(kind, tiny):
    make = text_encoder if kind == "bert" else image_encoder
    everything = make(tiny(kind), trainable=True)
    assert changed_parameters(everything) == {name for name, _ in everything.named_parameters()}
    top = make(tiny(kind), trainable=1)
    assert changed_parameters(top) == {name for name, _ in top.named_parameters() if is_top(name)}
    low_rank = make(tiny(kind), trainable="lora")
    adapters = {name for name, _ in low_rank.named_parameters() if "lora_" in name}
    assert adapters
    assert changed_parameters(low_rank) == adapters
    frozen = make(tiny(kind), trainable=False)
    assert not any(p.requires_grad for p in frozen.parameters())


def test_new_low_rank_adapters_do_not_change_the_output(tiny):
    with torch.no_grad():
        frozen, low_rank = (
            text_encoder(tiny("roberta"), trainable=mode).eval()(token_ids()) for mode in (False, "lora")
        )
    torch.testing.assert_close(frozen, low_rank)


def test_more_top_layers_than_layers_is_an_error(tiny):
    with pytest.raises(ConfigError, match="trainable=3, but the encoder has 2 layers"):
        text_encoder(tiny("bert"), trainable=3)


def test_untrained_modules_stay_in_evaluation_mode(tiny):
    frozen = text_encoder(tiny("bert")).train()
    assert not any(module.training for module in frozen.backbone.encoder.modules())
    assert torch.equal(frozen(token_ids()), frozen(token_ids()))  # no dropout
    top = text_encoder(tiny("bert"), trainable=1).train().backbone.encoder
    assert [layer.training for layer in top.encoder.layer] == [False, True]
    assert not top.embeddings.training
    resnet = image_encoder(tiny("resnet")).train()
    norms = [module for module in resnet.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)


def test_learning_rates_decay_with_depth(tiny):
    backbone = text_encoder(tiny("bert"), trainable=True, learning_rate_factor=0.1, layer_decay=0.5).backbone
    rates = backbone.learning_rates()
    assert rates["encoder.encoder.layer.1.output.dense.weight"] == pytest.approx(0.05)
    assert rates["encoder.encoder.layer.0.output.dense.weight"] == pytest.approx(0.025)
    assert rates["encoder.embeddings.word_embeddings.weight"] == pytest.approx(0.0125)
    depth, count = depths(image_encoder(tiny("vit"), trainable=True).backbone.encoder)
    assert (depth["embeddings.cls_token"], depth["layernorm.weight"], count) == (0, 3, 2)
    low_rank = text_encoder(tiny("bert"), trainable="lora", learning_rate_factor=0.3).backbone.learning_rates()
    assert set(low_rank.values()) == {0.3}


def test_gradient_checkpointing_preserves_gradients(tiny, capfd):
    gradients = []
    for checkpointing in (False, True):
        module = image_encoder(tiny("vit"), pooling="cls", trainable=True, gradient_checkpointing=checkpointing).train()
        module(images()).square().sum().backward()
        gradients.append([p.grad for p in module.parameters()])
    for stored, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, stored)
    texts = text_encoder(tiny("bert"), trainable=True, gradient_checkpointing=True).train()
    texts(token_ids()).sum().backward()
    assert capfd.readouterr() == ("", "")  # no warnings of transformers
    with pytest.raises(ConfigError, match="ResNetModel does not support it"):
        image_encoder(tiny("resnet"), trainable=True, gradient_checkpointing=True)


@pytest.mark.parametrize("kind", ["bert", "swin", "deberta-v2", "convnext"])
@pytest.mark.parametrize("trainable", [False, "lora"])
def test_an_encoder_without_weights_can_load_a_state(kind, trainable, tiny):
    modality = "text" if kind in TEXTS else "image"
    encoder_plan = plan(tiny(kind), modality, trainable=trainable)
    loaded = build(encoder_plan)
    with blank():
        empty = build(replace(encoder_plan, name="does not exist"))
    empty.load_state_dict(loaded.state_dict())
    assert empty.checksum() == loaded.checksum()
    inputs = (
        {"input_ids": token_ids(), "attention_mask": (token_ids() > 0).long()}
        if modality == "text"
        else {"pixel_values": images()}
    )
    with torch.no_grad():
        assert torch.equal(empty.eval()(**inputs), loaded.eval()(**inputs))


def test_the_checksum_covers_untrained_weights(tiny):
    frozen, top = (build(plan(tiny("bert"), "text", trainable=mode)) for mode in (False, 1))
    assert set(frozen.untouched()) == set(frozen.state_dict())
    assert not [name for name in top.untouched() if ".layer.1." in name]
    before = top.checksum()
    with torch.no_grad():
        top.encoder.encoder.layer[1].output.dense.bias.add_(1)
        assert top.checksum() == before
        top.encoder.encoder.layer[0].output.dense.bias.add_(1)
        assert top.checksum() != before


def test_a_config_survives_json_with_tuples(tiny):
    resnet_plan = plan(tiny("resnet"), "image")
    config = json.loads(json.dumps(resnet_plan.config))
    config = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    assert build(replace(resnet_plan, config=config)).checksum() == build(resnet_plan).checksum()


def test_weights_of_another_model_are_an_error(tiny, tmp_path):
    (tmp_path / "config.json").write_bytes((find(tiny("bert")).folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((find(tiny("vit")).folder / "model.safetensors").read_bytes())
    with pytest.raises(ConfigError, match=r"do not fit a model of type 'bert'.*missing"):
        text_encoder(str(tmp_path))


def test_code_that_comes_with_a_model_is_never_run(tiny, tmp_path):
    config = json.loads((find(tiny("bert")).folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine", "AutoModel": "mine.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "mine.py").write_text("raise SystemExit('this ran')")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="transformers cannot read"):
        read_config(find(str(tmp_path)), "text")


def test_layers_of_networks_without_module_lists_are_sequential_modules():
    stages = nn.ModuleDict({"stem": nn.Conv2d(3, 8, 1), "layer1": nn.Sequential(nn.Conv2d(8, 8, 3))})
    stages["layer2"] = nn.Sequential(nn.Conv2d(8, 16, 3), nn.ReLU())
    assert list(layers_of(stages)) == ["layer1", "layer2"]
    depth, count = depths(stages)
    assert (depth["stem.weight"], depth["layer1.0.weight"], depth["layer2.0.weight"], count) == (0, 1, 2, 2)
    blocks = nn.ModuleDict({"stem": nn.Linear(2, 4), "blocks": nn.Sequential(nn.Linear(4, 40), nn.Linear(40, 4))})
    blocks["norm"] = nn.LayerNorm(4)
    assert list(layers_of(blocks)) == ["blocks.0", "blocks.1"]
    depth, _ = depths(blocks)
    assert [depth[name] for name in ("stem.bias", "blocks.1.bias", "norm.bias")] == [0, 2, 3]


class TinyTimm(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=4)
        self.blocks = nn.Sequential(nn.Conv2d(6, 8, 3), nn.ReLU())

    def reset_classifier(self, num_classes, global_pool):
        assert (num_classes, global_pool) == (0, "")

    def forward_features(self, x):
        return self.blocks(self.stem(x))


@pytest.fixture
def timm(monkeypatch):
    module, calls = ModuleType("timm"), []

    def create_model(name, pretrained=True, num_classes=None, global_pool="avg", width=8):
        calls.append({"name": name, "pretrained": pretrained, "global_pool": global_pool, "width": width})
        return TinyTimm()

    module.create_model = create_model
    module.is_model = lambda name: name == "tinynet"
    monkeypatch.setitem(sys.modules, "timm", module)
    return calls


@pytest.fixture
def timm_folder(tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(3)
    save_file({**TinyTimm().state_dict(), "classifier.weight": torch.zeros(2, 8)}, tmp_path / "model.safetensors")
    image = {"input_size": [3, 32, 32], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    config = {"architecture": "tinynet", "num_features": 8, "pretrained_cfg": image}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return str(tmp_path)


def test_encoders_of_timm_are_loaded(timm, timm_folder):
    timm_plan = plan(timm_folder, "image", trainable=True)
    assert (width_of(timm_plan.config), states_shape(timm_plan.config, (32, 32), "map")) == (8, (8, 6, 6))
    torch.manual_seed(3)
    reference = TinyTimm()
    backbone = build(timm_plan)
    with torch.no_grad():
        torch.testing.assert_close(backbone(pixel_values=images()), reference.forward_features(images()).mean((2, 3)))
    assert changed_parameters(ImageEncoder(backbone, None, [0.5] * 3, [0.5] * 3, "bilinear"))


def write_config(folder, **changes):
    path = Path(folder) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_model_args_of_timm_reach_its_factory_without_those_that_name_weights(timm, timm_folder):
    arguments = {"global_pool": "max", "width": 8, "num_classes": 5, "pretrained": True, "checkpoint_path": "/x.pth"}
    write_config(timm_folder, model_args=arguments)
    assert build(plan(timm_folder, "image"))(pixel_values=images()).shape[1] == 8
    assert {"name": "tinynet", "pretrained": False, "global_pool": "max", "width": 8} in timm


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_args": {"colour": "red"}}, r"cannot build 'tinynet' with the model_args .*colour='red'"),
        ({"architecture": "hf-hub:somebody/model"}, "architecture .* must be a name, got 'hf-hub:somebody/model'"),
    ],
)
def test_what_timm_cannot_build_is_an_error(timm, timm_folder, changes, message):
    write_config(timm_folder, **changes)
    with pytest.raises(ConfigError, match=message):
        build(plan(timm_folder, "image"))


def test_a_failed_import_of_timm_is_an_error(timm_folder, monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "timm":
                raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(MissingDependencyError, match=r"torchvision::nms"):
        build(plan(timm_folder, "image"))
