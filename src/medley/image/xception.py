"""Compact versions of Xception."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.families import image_size, not_pretrained, shrunk

if TYPE_CHECKING:
    from torch import nn


class XceptionBlock(Layer, register="image.xception"):
    """Depthwise separable convolutions with residual connections, trained from scratch.

    Structured as in the paper, with fewer and narrower blocks: a stem, entry blocks that halve the map and double the
    width (two for images of at most 40 pixels, otherwise three; above 96 pixels the stem has stride 2), middle blocks
    and an exit layer. `filters=32, num_blocks=8` is closest to the original.

    Source: Chollet 2017, arXiv:1610.02357.

    Args:
        pretrained: must be False or unset; for compatibility.
        filters: output channels of the stem.
        num_blocks: number of middle blocks.

    Shape: (B, C, H, W) -> (B, C', H', W'); C' is 8 or 16 times `filters`.

    Raises:
        ConfigError: pretrained weights are requested.
        GraphError: called on something that is not an image.

    >>> str(XceptionBlock(filters=16, num_blocks=1).out(Spec((3, 32, 32), "CHW")))
    '(C=128 H=8 W=8)'
    """

    pretrained: bool | None = None
    filters: int | Space | None = searched(OneOf(16, 24, 32))
    num_blocks: int | Space | None = searched(OneOf(1, 2, 4, 8))

    def check(self) -> Iterable[str]:
        """Checks that counts are integers and no pretrained weights are requested."""
        yield from whole_number_problems(self, "filters")
        yield from whole_number_problems(self, "num_blocks", at_least=0)
        yield from not_pretrained(self.pretrained)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Deeper and wider for many large images."""
        side = max(specs[0].shape[1:], default=1) if specs else 1
        if side > 64 and summary.rows >= 2_000:
            return {"filters": 32, "num_blocks": 4}
        return {"filters": 16, "num_blocks": OneOf(1, 2, 4)}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the network."""
        from medley.nn.xception import Xception

        channels, height, width = image_size(specs[0], "XceptionBlock")
        stem, entries = _strides(max(height, width))
        middles = int(self.num_blocks)  # type: ignore[arg-type]
        return Xception(channels, filters=self._filters(), entries=entries, middles=middles, stem_stride=stem)

    def out(self, *specs: Spec) -> Spec:
        """A map of a few pixels, with its channels."""
        _, height, width = image_size(specs[0], "XceptionBlock")
        stem, entries = _strides(max(height, width))
        halvings = entries + (stem == 2)
        shape = (self._filters() * 2 ** (entries + 1), shrunk(height, halvings), shrunk(width, halvings))
        return Spec(shape, "CHW")

    def _filters(self) -> int:
        return int(self.filters)  # type: ignore[arg-type]


def _strides(side: int) -> tuple[int, int]:
    return (1, 2) if side <= 40 else (1, 3) if side <= 96 else (2, 3)
