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
from medley.testing.samples import ENSEMBLE, SINGLE_SPECS, SPEC_GROUPS
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
# An operation takes 20 ms to export. Parts that flatten or pool other axes as `core.flatten` and `heads.classification`
# do, which are exported on all samples, are exported on a vector, a map, and what they read in their own way; a part
# that repeats its operations per step, on few steps.
VECTOR, IMAGE = SINGLE_SPECS[:2]
FEW = {
    ("audio.rnn",): [[Spec((3, 4), "TD")]],
    ("tabular.dense", "tabular.dense_ensemble", "tabular.tabm", "core.torch"): [
        [VECTOR],
        [IMAGE],
        [ENSEMBLE],
        list(SPEC_GROUPS[0]),
    ],
    ("heads.answers", "heads.output", "heads.counts", "heads.ordered", "heads.regression"): [
        [VECTOR],
        [IMAGE],
        [ENSEMBLE],
    ],
}
SLICES = sorted({name.partition(".")[0] for name in PARTS})


def parts(names):
    return [EXAMPLES.get(name, PARTS[name]) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("slice_name", SLICES)
def test_parts_give_the_same_numbers_as_onnx(slice_name):
    others = {name for names in FEW for name in names}
    check_export(*parts(name for name in PARTS if name.startswith(f"{slice_name}.") and name not in others))


@pytest.mark.slow
@pytest.mark.parametrize("names", FEW)
def test_parts_give_the_same_numbers_as_onnx_on_few_samples(names):
    check_export(*parts(names), specs=FEW[names])


# tests/runtime/test_pretrained.py exports others, with their tokenizers and processors.
@pytest.mark.slow
def test_pretrained_encoders_of_texts_give_the_same_numbers_as_onnx(tiny):
    folders = {tiny(kind): trainable for kind, trainable in {"bert": "lora", "t5": 1}.items()}
    configs = {folder: read_config(find(folder), "text") for folder in folders}
    codes = Spec((7,), "T", "int64", cardinality=min(config["vocab_size"] for config in configs.values()))
    encoders = [
        PretrainedTextEncoder(folder, configs[folder], trainable=trainable) for folder, trainable in folders.items()
    ]
    check_export(*encoders, specs=[[codes]])


@pytest.mark.slow
def test_pretrained_encoders_of_images_give_the_same_numbers_as_onnx(tiny):
    folders = [tiny(kind) for kind in ("resnet", "swin", "clip")]
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
