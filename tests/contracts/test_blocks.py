"""Every registered block keeps its promises: a new one is covered as soon as it is registered."""

import pytest
from torch import nn

from medley.core.block import Block
from medley.core.choice import Choice
from medley.core.normalization import Normalization
from medley.core.registry import register, registered
from medley.core.shape import Flatten
from medley.core.torchblock import TorchBlock
from medley.errors import ConfigError
from medley.image.set_encoder import ImageSetEncoder
from medley.image.strided import StridedConvBlock
from medley.testing import check_block


@register("contracts.linear")
def linear(spec):
    return nn.Sequential(nn.Flatten(), nn.Linear(spec.size, 5))


# Blocks that say nothing without arguments, and such as a resolver fills.
EXAMPLES = {
    "core.choice": Choice([Flatten(), Flatten()]),
    "core.torch": TorchBlock(linear),
    "image.set_encoder": ImageSetEncoder(
        (Normalization(), StridedConvBlock(filters=8, kernel_size=3)), pooling="attention", positions=True
    ),
}
REFUSED = ["text.bert"]  # known by name only
BLOCKS = {name: kind for name, kind in registered(Block).items() if kind.__module__.startswith("medley.")}


@pytest.mark.parametrize("name", [name for name in BLOCKS if name not in REFUSED])
def test_a_registered_block_keeps_its_promises(name):
    check_block(EXAMPLES.get(name, BLOCKS[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_a_block_that_is_a_name_only_says_what_to_take_instead(name):
    with pytest.raises(ConfigError, match=r"Use \w+Block\(\)"):
        check_block(BLOCKS[name])
