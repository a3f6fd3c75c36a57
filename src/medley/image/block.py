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
from medley.image.augmentation import ImageAugmentation, is_photograph
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
    """Normalisation, augmentation, one of six families of networks, and the reduction of its feature map to a vector.

    A pretrained encoder, if chosen, normalises images itself, so it reads them without the first two steps.

    Args:
        block_type: `"vanilla"` (ConvBlock), `"strided"` (StridedConvBlock and a dense layer on its flat map: for tiny
            images), `"compact"` (CompactConvBlock: small and fast, for photographs), `"resnet"`, `"xception"`,
            `"efficient"`, or `"pretrained"` (PretrainedImageBlock), which is tried first if `pretrained` is set.
        normalize: standardise each channel with statistics of the training rows.
        augment: transform training images at random (ImageAugmentation).
        pretrained: a folder, or a name on the hub, of a pretrained encoder to add to the search; `"auto"` uses a
            well-known one if it is in the local cache of the hub, and reports it if there is none; True is a ResNet-18.
            If unset or False, all networks are trained from scratch.

    Shape: (B, C, H, W) -> (B, D)

    Raises:
        ConfigError: the pretrained encoder cannot be found.
        GraphError: called on something that is not an image.

    >>> ImageBlock(block_type="vanilla", augment=False)
    ImageBlock(block_type='vanilla', augment=False)
    """

    block_type: str | Space | None = searched(OneOf(*_FROM_SCRATCH, "pretrained"))
    normalize: bool | Space | None = searched(OneOf(True, False))
    augment: bool | Space | None = searched(OneOf(False, True))
    pretrained: bool | str | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks pretrained."""
        yield from pretrained_problem(self.pretrained)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A pretrained encoder if one is available, otherwise a small network; augmentation of photographs.

        Other images (of one channel, or less than 32 pixels) are augmented from 1000 rows on.

        The map of the small network is flattened for images of less than 32 pixels.
        """
        tiny = max(specs[0].shape[1:], default=1) <= TINY if specs else True
        is_photo = bool(specs) and is_photograph(specs[0])
        block_type: Any = OneOf(*_FROM_SCRATCH, default="strided" if tiny else "compact")
        if choose_pretrained(self.pretrained, IMAGE_MODELS, "ImageBlock") is not None:
            block_type = "pretrained"
        return {"block_type": block_type, "normalize": True, "augment": is_photo or summary.rows >= 1000}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Connects normalisation, augmentation, network and reduction."""
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
        # Flattening a large map would give the head millions of weights.
        types = ("global_avg", "global_max", "flatten") if side <= SMALL else ("global_avg", "global_max")
        return SpatialReduction(reduction_type=OneOf(*types))(node)
