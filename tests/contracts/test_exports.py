"""Every registered part that says it can be written as ONNX gives the same numbers there, whatever rows lack."""

import pytest
import torch
from torch import nn

from medley.core.head import Head
from medley.core.layer import Fusion, Layer
from medley.core.normalization import Normalization
from medley.core.registry import register, registered
from medley.core.spec import Spec, vector
from medley.core.torchblock import TorchBlock
from medley.errors import ConfigError
from medley.image.conv import ConvBlock
from medley.image.pretrained_encoder import PretrainedImageEncoder
from medley.image.set_encoder import ImageSetEncoder
from medley.image.strided import StridedConvBlock
from medley.nn.backbone_config import read_config
from medley.nn.hub import find
from medley.tabular.tabm import TabMBlock
from medley.testing import check_export
from medley.text.pretrained_encoder import PretrainedTextEncoder


@register("contracts.exported")
def exported(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.size, 5), nn.GELU())


EXAMPLES = {
    "core.torch": TorchBlock(exported),
    "image.set_encoder": ImageSetEncoder(
        (Normalization(), StridedConvBlock(filters=8, kernel_size=3)), pooling="attention", positions=True
    ),
    "tabular.tabm": TabMBlock(num_layers=2),  # the third layer is as the second
}
PARTS = {
    name: kind
    for base in (Layer, Fusion, Head)
    for name, kind in registered(base).items()
    if kind.__module__.startswith("medley.") and kind.exports and "pretrained" not in name
}
SLICES = sorted({name.partition(".")[0] for name in PARTS})


@pytest.mark.slow
@pytest.mark.parametrize("slice_name", SLICES)
def test_parts_give_the_same_numbers_as_onnx(slice_name):
    check_export(*(EXAMPLES.get(name, kind) for name, kind in PARTS.items() if name.startswith(f"{slice_name}.")))


@pytest.mark.slow
def test_pretrained_encoders_of_texts_give_the_same_numbers_as_onnx(tiny):
    folders = {tiny(kind): trainable for kind, trainable in {"bert": "lora", "roberta": False, "t5": 1}.items()}
    configs = {folder: read_config(find(folder), "text") for folder in folders}
    codes = Spec((7,), "T", "int64", cardinality=min(config["vocab_size"] for config in configs.values()))
    encoders = [
        PretrainedTextEncoder(folder, configs[folder], trainable=trainable) for folder, trainable in folders.items()
    ]
    check_export(*encoders, specs=[[codes]])


@pytest.mark.slow
def test_pretrained_encoders_of_images_give_the_same_numbers_as_onnx(tiny):
    folders = [tiny(kind) for kind in ("vit", "resnet", "swin", "clip")]
    encoders = [PretrainedImageEncoder(folder, read_config(find(folder), "image"), size=(32, 32)) for folder in folders]
    check_export(*encoders, specs=[[Spec((3, 32, 32), "CHW", "uint8")]])


def test_pixels_enter_as_they_are_kept():
    check_export(ConvBlock, specs=[[Spec((3, 8, 8), "CHW", "uint8")]])


def test_a_part_that_gives_other_numbers_is_named():
    class Stubborn(Layer):
        def build(self, *specs):
            return Lost()

        def out(self, *specs):
            return specs[0]

    with pytest.raises(ConfigError, match="Stubborn"):
        check_export(Stubborn, specs=[[vector(3)]])


class Lost(nn.Module):
    """Goes another way where it is exported."""

    def forward(self, x):
        return x + 1.0 if torch.compiler.is_compiling() else x
