"""The default encoder of images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from medley.core.block import Block, DataSummary, Node
from medley.core.layer import Composite
from medley.core.normalization import Normalization
from medley.core.registry import lookup
from medley.core.shape import SpatialReduction
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.augmentation import ImageAugmentation
from medley.image.compact import CompactConvBlock
from medley.image.conv import ConvBlock
from medley.image.efficientnet import EfficientNetBlock
from medley.image.families import image_size
from medley.image.pretrained import IMAGE_MODELS, PretrainedImageBlock
from medley.image.resnet import ResNetBlock
from medley.image.strided import StridedConvBlock
from medley.image.xception import XceptionBlock
from medley.nn.pretrained_argument import choose_pretrained, pretrained_problem

SMALL, TINY = 64, 31
_FROM_SCRATCH = ("strided", "compact", "resnet", "xception", "vanilla", "efficient")
_FAMILIES: dict[str, type[Block]] = {
    "resnet": ResNetBlock,
    "xception": XceptionBlock,
    "strided": StridedConvBlock,
    "vanilla": ConvBlock,
    "efficient": EfficientNetBlock,
}


class ImageBlock(Composite, register="image.block"):
    """Normalisation, augmentation, one of six families of networks, and the reduction of their map to a vector.

    Or a pretrained encoder, which normalises for itself and reads images as they come.

    Args:
        block_type: `"vanilla"` (ConvBlock), `"strided"` (StridedConvBlock and a dense layer on its flat map: for tiny
            images), `"compact"` (CompactConvBlock: small and fast, for photographs), `"resnet"`, `"xception"`,
            `"efficient"`, or `"pretrained"` (PretrainedImageBlock), which is tried first where `pretrained` is set.
        normalize: shift and scale each channel to mean 0 and variance 1 with statistics of the training rows.
        augment: change training images at random (ImageAugmentation).
        pretrained: a pretrained encoder, by its folder or its name on the hub, to search among the others; `"auto"`
            takes one that is in the hub's cache, and says so where there is none; True is a ResNet-18. Unset, or False,
            all that is learnt comes from the data at hand.

    Shape: (B, C, H, W) -> (B, D)

    Raises:
        ConfigError: a pretrained encoder is named that is nowhere.
        GraphError: joined to something that is not an image.

    >>> ImageBlock(block_type="vanilla", augment=False)
    ImageBlock(block_type='vanilla', augment=False)
    """

    block_type: str | Space | None = searched(OneOf(*_FROM_SCRATCH, "pretrained"))
    normalize: bool | Space | None = searched(OneOf(True, False))
    augment: bool | Space | None = searched(OneOf(False, True))
    pretrained: bool | str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """A pretrained model is named, or not."""
        yield from pretrained_problem(self.pretrained)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A pretrained encoder where there is one.

        Else a few convolutions, whose map is flattened for images of less than 32 pixels; augmented from 1000 rows.
        """
        tiny = max(specs[0].shape[1:], default=1) <= TINY if specs else True
        block_type: Any = OneOf(*_FROM_SCRATCH, default="strided" if tiny else "compact")
        if choose_pretrained(self.pretrained, IMAGE_MODELS, "ImageBlock") is not None:
            block_type = "pretrained"
        return {"block_type": block_type, "normalize": True, "augment": summary.rows >= 1000}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the parts."""
        _, height, width = image_size(specs[0], "ImageBlock")
        side = max(height, width)
        node = nodes[0]
        if self.block_type == "pretrained":
            name = choose_pretrained(self.pretrained or True, IMAGE_MODELS, "ImageBlock")
            return (PretrainedImageBlock(name) if name else ImageBlock(normalize=self.normalize))(node)
        if self.normalize:
            node = Normalization()(node)
        if self.augment:
            node = ImageAugmentation()(node)
        if self.block_type == "compact":
            return CompactConvBlock()(node)
        if self.block_type == "strided":
            hidden = lookup("tabular.dense")(num_layers=1, num_units=OneOf(64, 128))
            return hidden(StridedConvBlock()(node))
        node = _FAMILIES[str(self.block_type)]()(node)
        # A large map flattened makes a head of millions of weights.
        types = ("global_avg", "global_max", "flatten") if side <= SMALL else ("global_avg", "global_max")
        return SpatialReduction(reduction_type=OneOf(*types))(node)
