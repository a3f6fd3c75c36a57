"""The default encoder of sets of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.core.block import Block, DataSummary, Node
from medley.core.input import Input
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import GraphError
from medley.image.block import ImageBlock
from medley.image.pretrained import PretrainedImageBlock
from medley.image.set_encoder import ImageSetEncoder, ImageSetPool
from medley.image.set_words import VisualWords

FEW = 1_000


class ImageSetBlock(Composite, register="image.set_block"):
    """One encoder for all images of a row, pooled to one vector.

    Only images that are there reach the encoder, and a row's missing ones change nothing. Without positions, the order
    of a row's images changes nothing either.

    Args:
        encoder: what reads one image: a block that becomes a chain of layers, or `OneOf` several such; left out,
            `ImageBlock()`.
        pooling: `"attention"` (each image's weight is learnt; Ilse et al. 2018) or `"mean"`.
        positions: whether images are told apart by their place in the row; left out, as the input says.
        reading: `"network"`, or `"visual_words"`: a short vector that is found without labels (`VisualWords`), for rows
            too few to teach a network what matters in an image; an encoder that is given is always a network.

    Shape: (B, S, C, H, W) -> (B, D)

    Raises:
        GraphError: called on anything but an `ImageSetInput`, or the encoder becomes no chain of layers.

    >>> ImageSetBlock(ImageBlock(block_type="strided"), pooling="mean")
    ImageSetBlock(encoder=ImageBlock(block_type='strided'), pooling='mean')
    """

    encoder: Block | Space | None = None
    pooling: str | Space | None = searched(OneOf("attention", "mean"))
    positions: bool | None = None
    reading: str | Space | None = searched(OneOf("network", "visual_words"))

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """The mean, which has nothing to learn, for few rows; words in place of a network where facts say more."""
        few = summary.rows < FEW
        words = few and summary.inputs > 1 and self.encoder is None
        return {
            "pooling": "mean" if few else "attention",
            "reading": OneOf("network", "visual_words", default="visual_words") if words else OneOf("network"),
        }

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Joins the encoder of sets."""
        source = nodes[0].block
        # What stands between, a Normalization say, would write something into the empty places.
        if len(nodes) > 1 or specs[0].axes != "SCHW" or not isinstance(source, Input):
            told = " and ".join(map(str, specs))
            raise GraphError(
                f"ImageSetBlock is called on one ImageSetInput and nothing else, got {told}. "
                "What shall come before its encoder goes into it: ImageSetBlock(encoder=...)."
            )
        if self.reading == "visual_words" and self.encoder is None:
            return _words(source, self)(nodes[0])
        positions = getattr(source, "positions", False) if self.positions is None else self.positions
        encoder = ImageBlock() if self.encoder is None else self.encoder
        assert isinstance(encoder, Block), encoder
        if isinstance(encoder, PretrainedImageBlock) and (positions or self.pooling != "mean"):
            # Apart from what learns, so that a frozen encoder runs once per row.
            members = ImageSetEncoder(encoder, pooling="none")(nodes[0])
            return ImageSetPool(str(self.pooling), bool(positions))(members)
        return ImageSetEncoder(encoder, pooling=str(self.pooling), positions=bool(positions))(nodes[0])


def _words(source: Any, block: ImageSetBlock) -> VisualWords:
    """As an `ImageSetInput` says, unless the block says it itself."""
    positions = source.positions if block.positions is None else block.positions
    root = None if source.root is None else str(source.root)
    return VisualWords(source.max_images, root, positions, source.on_bad_file)
