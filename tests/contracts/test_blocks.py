"""Every registered block keeps its promises: a new one is covered as soon as it is registered."""

import numpy as np
import pytest
from torch import nn

from medley.core.block import Block
from medley.core.choice import Choice
from medley.core.normalization import Normalization
from medley.core.registry import register, registered
from medley.core.shape import Flatten
from medley.core.torchblock import TorchBlock
from medley.image import visual_words_codec
from medley.image.captions import CaptionImages
from medley.image.mapped import MapImages
from medley.image.pretrained import PretrainedImageBlock
from medley.image.pretrained_encoder import PretrainedImageEncoder
from medley.image.set_encoder import ImageSetEncoder
from medley.image.strided import StridedConvBlock
from medley.nn.backbone_config import read_config
from medley.nn.hub import find
from medley.testing import check_block
from medley.text.bert import BertBlock
from medley.text.pretrained import PretrainedTextBlock
from medley.text.pretrained_encoder import PretrainedTextEncoder, PretrainedTokens


@register("contracts.linear")
def linear(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.size, 5))


@register("contracts.widths")
def widths(images):
    return [f"an image {image.width} wide and {image.height} high" for image in images]


@register("contracts.negative")
def negative(image):
    return 255 - np.asarray(image)


# Blocks that say nothing without arguments, and such as a resolver fills.
EXAMPLES = {
    "core.choice": Choice([Flatten(), Flatten()]),
    "core.torch": TorchBlock(linear),
    "image.captions": CaptionImages(widths),
    "image.mapped": MapImages(negative),
    "image.set_encoder": ImageSetEncoder(
        (Normalization(), StridedConvBlock(filters=8, kernel_size=3)), pooling="attention", positions=True
    ),
}
# Blocks that need the folder of a pretrained model.
PRETRAINED = {
    "image.pretrained": lambda tiny: PretrainedImageBlock(tiny("vit")),
    "image.pretrained_encoder": lambda tiny: _image_encoder(tiny("convnext")),
    "text.bert": lambda tiny: BertBlock(32, name_or_path=tiny("bert")),
    "text.pretrained": lambda tiny: PretrainedTextBlock(tiny("bert")),
    "text.pretrained_encoder": lambda tiny: _text_encoder(tiny("roberta")),
    "text.pretrained_tokens": lambda tiny: PretrainedTokens(tiny("bert")),
}
BLOCKS = {name: kind for name, kind in registered(Block).items() if kind.__module__.startswith("medley.")}


def _image_encoder(folder):
    config = read_config(find(folder), "image")
    return PretrainedImageEncoder(folder, config, size=(32, 32), pooling="mean", trainable=True)


def _text_encoder(folder):
    return PretrainedTextEncoder(folder, read_config(find(folder), "text"), pooling="none", trainable=1)


@pytest.mark.parametrize("name", [name for name in BLOCKS if name not in PRETRAINED])
def test_registered_blocks_pass_check_block(name, monkeypatch):
    monkeypatch.setattr(visual_words_codec, "NUM_WORDS", 20)  # learning 200 of them took seconds
    check_block(EXAMPLES.get(name, BLOCKS[name]))


@pytest.mark.parametrize("name", PRETRAINED)
def test_pretrained_blocks_pass_check_block(name, tiny):
    check_block(PRETRAINED[name](tiny))
