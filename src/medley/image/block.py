"""The default encoder of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.core.block import Block, Composite, Facts, Node
from medley.core.normalization import Normalization
from medley.core.registry import lookup
from medley.core.shape import SpatialReduction
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.augmentation import ImageAugmentation
from medley.image.conv import ConvBlock
from medley.image.efficientnet import EfficientNetBlock
from medley.image.families import image_size
from medley.image.resnet import ResNetBlock
from medley.image.strided import StridedConvBlock
from medley.image.xception import XceptionBlock

SMALL = 64
_FAMILIES: dict[str, type[Block]] = {
    "resnet": ResNetBlock,
    "xception": XceptionBlock,
    "strided": StridedConvBlock,
    "vanilla": ConvBlock,
    "efficient": EfficientNetBlock,
}


class ImageBlock(Composite, register="image.block"):
    """Normalisation, augmentation, one of five families of networks, and the reduction of their map to a vector.

    Args:
        block_type: `"vanilla"` (ConvBlock), `"strided"` (StridedConvBlock, its map flattened and read by a dense
            layer: small and fast), `"resnet"`, `"xception"` or `"efficient"`.
        normalize: shift and scale each channel to mean 0 and variance 1 with statistics of the training rows.
        augment: change training images at random (ImageAugmentation).

    Shape: (B, C, H, W) -> (B, D)

    Raises:
        GraphError: joined to something that is no image.

    >>> ImageBlock(block_type="vanilla", augment=False)
    ImageBlock(block_type='vanilla', augment=False)
    """

    block_type: str | Space | None = searched(
        OneOf("strided", "resnet", "xception", "vanilla", "efficient"),
    )
    normalize: bool | Space | None = searched(OneOf(True, False))
    augment: bool | Space | None = searched(OneOf(False, True))

    def sensible(self, specs: Sequence[Spec], facts: Facts) -> Mapping[str, Any]:
        """A few strided convolutions for small images, a residual network for large ones; augmented from 1000 rows."""
        small = max(specs[0].shape[1:], default=1) <= SMALL if specs else True
        return {"block_type": "strided" if small else "resnet", "normalize": True, "augment": facts.rows >= 1000}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], facts: Facts) -> Node:
        """Joins the parts."""
        _, height, width = image_size(specs[0], "ImageBlock")
        side = max(height, width)
        node = nodes[0]
        if self.normalize:
            node = Normalization()(node)
        if self.augment:
            node = ImageAugmentation()(node)
        if self.block_type == "strided":
            hidden = lookup("tabular.dense")(num_layers=1, num_units=OneOf(64, 128))
            return hidden(StridedConvBlock()(node))
        node = _FAMILIES[str(self.block_type)]()(node)
        # A large map flattened makes a head of millions of weights.
        types = ("global_avg", "global_max", "flatten") if side <= SMALL else ("global_avg", "global_max")
        return SpatialReduction(reduction_type=OneOf(*types))(node)
