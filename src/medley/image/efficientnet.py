"""EfficientNet B0 to B7, with half the width and depth for small images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.families import image_size, named_problem, shrunk
from medley.image.pretrained import pretrained_map
from medley.nn.hub import is_cached
from medley.nn.pretrained_argument import choose_pretrained, pretrained_problem

if TYPE_CHECKING:
    from torch import nn

# Multipliers of width and depth; the paper's third one, of the image size, is left to the caller.
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

_HUB = "google/efficientnet-"
_MODELS = tuple(f"{_HUB}{version}" for version in _SCALES)


class EfficientNetBlock(Layer, register="image.efficientnet"):
    """Inverted bottlenecks with squeeze-and-excitation, trained from scratch or pretrained.

    Above 64 pixels the network is the paper's. At 64 and below it is a compact version: half the width and half the
    depth, and strides only until the map has about four pixels. A pretrained network (google/efficientnet-b0 to -b7, or
    another) resizes and normalises images itself: it reads images from 0 to 1 with one or three channels.

    Source: Tan and Le 2019, arXiv:1905.11946.

    Args:
        version: `"b0"` (smallest) to `"b7"`; if unset, b0 to b2 are searched.
        pretrained: True uses the weights of google/efficientnet-<version>; `"auto"` uses them if they are in the local
            cache of the hub; any other string is a folder or a name on the hub.
        trainable: for pretrained weights: False (default), True, `"lora"` or the number of top blocks to train.

    Shape: (B, C, H, W) -> (B, C', H', W'); C' is 640 (b0, at most 64 pixels) or 1280 (b0, above) and more.

    Raises:
        ConfigError: an unknown version, or pretrained weights that cannot be found.
        GraphError: called on something that is not an image.

    >>> str(EfficientNetBlock(version="b0").out(Spec((3, 32, 32), "CHW")))
    '(C=640 H=4 W=4)'
    """

    version: str | Space | None = searched(OneOf("b0", "b1", "b2"), other_types=str)
    pretrained: bool | str | None = None
    trainable: bool | int | str | Space | None = field(default=None, kw_only=True)

    def check(self) -> Iterable[str]:
        """Checks version and pretrained."""
        yield from named_problem(self.version, tuple(_SCALES))
        yield from pretrained_problem(self.pretrained)

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """The smallest if there are few rows; with `"auto"`, the versions that are in the local cache."""
        if self.pretrained == "auto" and choose_pretrained("auto", _MODELS, "EfficientNetBlock") is not None:
            return {"version": OneOf(*(version for version in _SCALES if is_cached(f"{_HUB}{version}")))}
        return {"version": OneOf("b0")} if summary.rows < 2_000 else {}

    def resolved(self) -> Layer:
        """The pretrained encoder, if one is named; otherwise the block itself."""
        name = self.pretrained
        if name is True or name == "auto":
            name = f"{_HUB}{self.version}" if name is True or is_cached(f"{_HUB}{self.version}") else None
        return pretrained_map(name, self.trainable) if name else self

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the network."""
        from medley.nn.efficientnet import EfficientNet

        channels, height, width = image_size(specs[0], "EfficientNetBlock")
        wide, deep = self._scale(max(height, width))
        return EfficientNet(channels, width=wide, depth=deep, halvings=_halvings(max(height, width)))

    def out(self, *specs: Spec) -> Spec:
        """A map of a few pixels, with its channels."""
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
