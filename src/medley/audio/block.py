"""The default audio encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medley.audio.attention import SpectrogramAttention
from medley.audio.augmentation import SpectrogramAugmentation
from medley.audio.conv import SpectrogramConv
from medley.audio.recurrent import SpectrogramRNN
from medley.audio.transformer import SpectrogramTransformer
from medley.core.block import DataSummary, Node
from medley.core.layer import Composite
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec

_ENCODERS = {
    "conv": SpectrogramConv,
    "rnn": SpectrogramRNN,
    "transformer": SpectrogramTransformer,
    "attention": SpectrogramAttention,
}


class AudioBlock(Composite, register="audio.block"):
    """One of four types of networks over spectrograms, with augmentation in training.

    Args:
        block_type: `"conv"` (SpectrogramConv), `"rnn"` (SpectrogramRNN), `"transformer"` (SpectrogramTransformer) or
            `"attention"` (SpectrogramAttention).
        augment: shift and mask training spectrograms at random (SpectrogramAugmentation).

    Shape: (B, T, D) -> (B, D')

    Raises:
        GraphError: called on something that is not a sequence.

    >>> AudioBlock(block_type="conv", augment=False)
    AudioBlock(block_type='conv', augment=False)
    """

    block_type: str | Space | None = searched(OneOf("conv", "rnn", "transformer", "attention"))
    augment: bool | Space | None = searched(OneOf(True, False))

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Convolutions; attention pooling for fewer than 200 rows."""
        return {"block_type": "conv" if summary.rows >= 200 else "attention"}

    def expand(self, nodes: Sequence[Node], specs: Sequence[Spec], summary: DataSummary) -> Node:
        node = SpectrogramAugmentation()(nodes) if self.augment else nodes[0]
        return _ENCODERS[str(self.block_type)]()(node)
