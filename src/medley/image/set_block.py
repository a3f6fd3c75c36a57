"""The default block for sets of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.core.block import Block, DataSummary, Node
from medley.core.input import InputBlock
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import GraphError
from medley.image.block import ImageBlock
from medley.image.pretrained import PretrainedImageBlock
from medley.image.set_encoder import ImageSetEncoder, ImageSetPool
from medley.image.visual_words import FEW_ROWS, VisualWords


class ImageSetBlock(Composite, register="image.set_block"):
    """Encodes all images of a row with one shared encoder and pools them to one vector.

    Only images that are present are encoded; missing ones have no effect on the result. Without positions, the order of
    a row's images has no effect either.

    Args:
        encoder: the block that encodes one image, which must expand to a chain of layers, or `OneOf` several such; if
            unset, `ImageBlock()`.
        pooling: `"attention"` (with learned weights; Ilse et al. 2018) or `"mean"`.
        positions: whether an image's position in the row matters; if unset, as set on the input.
        reading: `"network"`, or `"visual_words"`: a short vector that is learned without labels (`VisualWords`), for
            data with too few rows to train a network on images; with an encoder set, always `"network"`.

    Shape: (B, S, C, H, W) -> (B, D)

    Raises:
        GraphError: called on anything but an `ImageSetInput`, or the encoder does not expand to a chain of layers.

    >>> ImageSetBlock(ImageBlock(block_type="strided"), pooling="mean")
    ImageSetBlock(encoder=ImageBlock(block_type='strided'), pooling='mean')
    """

    encoder: Block | Space | None = None
    pooling: str | Space | None = searched(OneOf("attention", "mean"))
    positions: bool | None = None
    reading: str | Space | None = searched(OneOf("network", "visual_words"))

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """For few rows the mean, which has no weights, and visual words if there are other inputs too."""
        use_visual_words = VisualWords.is_suited_to(summary) and self.encoder is None
        readings = OneOf("network", "visual_words", default="visual_words") if use_visual_words else OneOf("network")
        return {"pooling": "mean" if summary.rows < FEW_ROWS else "attention", "reading": readings}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        """Connects the encoder of sets, or visual words."""
        source = nodes[0].block
        # A block in between, such as Normalization, would write values into the empty positions.
        if len(nodes) > 1 or specs[0].axes != "SCHW" or not isinstance(source, InputBlock):
            got = " and ".join(map(str, specs))
            raise GraphError(
                f"ImageSetBlock must be called on one ImageSetInput, got {got}. "
                "Blocks for the single images go into its encoder: ImageSetBlock(encoder=...)."
            )
        if self.reading == "visual_words" and self.encoder is None:
            return VisualWords.for_input(source, positions=self.positions)(nodes[0])
        positions = getattr(source, "positions", False) if self.positions is None else self.positions
        encoder = ImageBlock() if self.encoder is None else self.encoder
        assert isinstance(encoder, Block), encoder
        if isinstance(encoder, PretrainedImageBlock) and (positions or self.pooling != "mean"):
            # Separate from the trainable pooling, so that a frozen encoder runs once per row.
            image_vectors = ImageSetEncoder(encoder, pooling="none")(nodes[0])
            return ImageSetPool(str(self.pooling), bool(positions))(image_vectors)
        return ImageSetEncoder(encoder, pooling=str(self.pooling), positions=bool(positions))(nodes[0])
