"""EfficientNet B0 to B7, and halves of them for small images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.block import Facts, Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.families import image_size, named_problem, pretrained_problem, shrunk

if TYPE_CHECKING:
    from torch import nn

# Factors on width and depth; the paper's third factor, the images' size, is the caller's.
_SCALES = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
}


class EfficientNetBlock(Layer, register="image.efficientnet"):
    """Inverted bottlenecks with squeeze-and-excitation, trained from scratch.

    Above 64 pixels the network is the paper's. At 64 and below it is a compact form of it: half the width and half the
    depth of the version, and only as many strides as leave a map of about four pixels.

    Source: Tan and Le 2019, arXiv:1905.11946.

    Args:
        version: `"b0"` (smallest) to `"b7"`; unset searches b0 to b2.
        pretrained: only False or unset; kept for programs that set it.

    Shape: (B, C, H, W) -> (B, C', H', W'); C' is 640 (b0, at most 64 pixels) or 1280 (b0, above) and more.

    Raises:
        ConfigError: an unknown version, or pretrained weights are asked for.
        GraphError: joined to something that is no image.

    >>> str(EfficientNetBlock(version="b0").out(Spec((3, 32, 32), "CHW")))
    '(C=640 H=4 W=4)'
    """

    version: str | Space | None = searched(OneOf("b0", "b1", "b2"), also=str)
    pretrained: bool | None = None

    def check(self) -> Iterable[str]:
        """The version is known; no pretrained weights."""
        yield from named_problem(self.version, tuple(_SCALES))
        yield from pretrained_problem(self.pretrained)

    def sensible(self, specs: Sequence[Spec], facts: Facts) -> Mapping[str, Any]:
        """The smallest, and nothing else where rows are few."""
        return {"version": OneOf("b0")} if facts.rows < 2_000 else {}

    def build(self, *specs: Spec) -> nn.Module:
        """The network."""
        from medley.nn.efficientnet import EfficientNet

        channels, height, width = image_size(specs[0], "EfficientNetBlock")
        wide, deep = self._scale(max(height, width))
        return EfficientNet(channels, width=wide, depth=deep, halvings=_halvings(max(height, width)))

    def out(self, *specs: Spec) -> Spec:
        """A map of a few pixels."""
        from medley.nn.efficientnet import EfficientNet

        _, height, width = image_size(specs[0], "EfficientNetBlock")
        wide, _ = self._scale(max(height, width))
        halvings = _halvings(max(height, width))
        return Spec((EfficientNet.out_channels(wide), shrunk(height, halvings), shrunk(width, halvings)), "CHW")

    def _scale(self, side: int) -> tuple[float, float]:
        wide, deep = _SCALES[str(self.version)]
        return (wide / 2, deep / 2) if side <= 64 else (wide, deep)


def _halvings(side: int) -> int:
    return 5 if side > 96 else next(count for count in range(6) if shrunk(side, count) <= 6)
