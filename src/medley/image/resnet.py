"""Residual networks: small ones for small images, and ResNet-18 to ResNet-152."""

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

    from medley.nn.resnet import ResNetPlan

# Blocks per stage, width of the first stage, bottleneck; 8 to 20 follow section 4.2 of the first paper.
_SIZES: dict[int, tuple[tuple[int, ...], int, bool]] = {
    8: ((1, 1, 1), 16, False),
    14: ((2, 2, 2), 16, False),
    20: ((3, 3, 3), 16, False),
    18: ((2, 2, 2, 2), 64, False),
    34: ((3, 4, 6, 3), 64, False),
    50: ((3, 4, 6, 3), 64, True),
    101: ((3, 4, 23, 3), 64, True),
    152: ((3, 8, 36, 3), 64, True),
}
_PRETRAINED = (18, 34, 50, 101, 152)
_HUB = "microsoft/resnet-"
_MODELS = tuple(f"{_HUB}{depth}" for depth in _PRETRAINED)
FAMILIES = ("v1", "v2")
NAMES = tuple(f"resnet{depth}{suffix}" for suffix in ("", "_v2") for depth in _SIZES)


class ResNetBlock(Layer, register="image.resnet"):
    """A residual network without its classifier, trained from scratch or pretrained.

    Depths 8, 14 and 20 have three stages of 16, 32 and 64 channels (77 to 272 thousand parameters); 18 to 152 are those
    of the papers. The stride of the stem depends on the image size: 1 for small images, up to 4 for large ones. A
    pretrained network (microsoft/resnet-18 to -152, or another) resizes and normalises images itself: it reads images
    from 0 to 1 with one or three channels.

    Sources: `"v1"` He et al. 2015, arXiv:1512.03385; `"v2"` (pre-activation) He et al. 2016, arXiv:1603.05027.

    Args:
        version: `"v1"` or `"v2"`, or a name such as `"resnet50"` or `"resnet50_v2"`, which sets version and depth.
        pretrained: True uses the weights of microsoft/resnet-<depth>, for depths from 18; `"auto"` uses them if they
            are in the local cache of the hub; any other string is a folder or a name on the hub.
        depth: 8, 14, 20, 18, 34, 50, 101 or 152; if unset, depths that suit the size and number of images are searched.
        trainable: for pretrained weights: False (default), True, `"lora"` or the number of top stages to train.

    Shape: (B, C, H, W) -> (B, C', H', W'); C' is 64 for depths 8, 14 and 20, 512 or 2048 for the others.

    Raises:
        ConfigError: an unknown version or depth, or pretrained weights that cannot be found.
        GraphError: called on something that is not an image.

    >>> ResNetBlock(version="resnet8_v2")
    ResNetBlock(version='v2', depth=8)
    >>> str(ResNetBlock(version="resnet8").out(Spec((1, 28, 28), "CHW")))
    '(C=64 H=7 W=7)'
    """

    version: str | Space | None = searched(OneOf(*FAMILIES), other_types=str)
    pretrained: bool | str | None = None
    depth: int | Space | None = searched(OneOf(*_SIZES))
    trainable: bool | int | str | Space | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.version in NAMES:
            depth, _, family = str(self.version).removeprefix("resnet").partition("_")
            object.__setattr__(self, "version", family or "v1")
            object.__setattr__(self, "depth", int(depth))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """Checks version and depth, and that there are pretrained weights for them."""
        yield from named_problem(self.version, (*FAMILIES, *NAMES))
        yield from depth_problem(self.depth)
        yield from pretrained_problem(self.pretrained)
        if self.pretrained is True and self.version == "v2":
            yield "version='v2' has no pretrained weights; leave version unset, or set it to 'v1'."
        if self.pretrained is True and isinstance(self.depth, int) and self.depth not in _PRETRAINED:
            yield f"depth={self.depth} has no pretrained weights; choose one of {', '.join(map(str, _PRETRAINED))}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Small networks for small images, those of the papers for many large images."""
        name = choose_pretrained(self.pretrained, _MODELS, "ResNetBlock")
        if name is not None:
            cached = [depth for depth in _PRETRAINED if self.pretrained == "auto" and is_cached(f"{_HUB}{depth}")]
            return {"version": OneOf("v1"), "depth": OneOf(*(cached or _PRETRAINED[:3]))}
        side = max(specs[0].shape[1:], default=1) if specs else 1
        if side <= 48:
            return {"depth": OneOf(8, 14, 20)}
        if side <= 96 or summary.rows < 2000:
            return {"depth": OneOf(8, 14, 20, 18)}
        return {"depth": OneOf(14, 18, 34, 50, default=18)}

    def resolved(self) -> Layer:
        """The pretrained encoder, if one is named; otherwise the block itself."""
        name = self.pretrained
        if name is True or name == "auto":
            name = f"{_HUB}{self.depth}" if name is True or is_cached(f"{_HUB}{self.depth}") else None
        return pretrained_map(name, self.trainable) if name else self

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the network."""
        from medley.nn.resnet import ResNet

        channels, height, width = image_size(specs[0], "ResNetBlock")
        plan = self._plan()
        stride = _stem_stride(max(height, width), is_small=plan.width < 64)
        return ResNet(channels, plan, stem_stride=stride, pre_activation=self.version == "v2")

    def out(self, *specs: Spec) -> Spec:
        """A map of a few pixels, with its channels."""
        _, height, width = image_size(specs[0], "ResNetBlock")
        plan = self._plan()
        stem = {1: 0, 2: 1, 4: 2}[_stem_stride(max(height, width), is_small=plan.width < 64)]
        halvings = stem + len(plan.depths) - 1
        return Spec((plan.out_channels, shrunk(height, halvings), shrunk(width, halvings)), "CHW")

    def _plan(self) -> ResNetPlan:
        from medley.nn.resnet import ResNetPlan

        assert isinstance(self.depth, int)
        return ResNetPlan(*_SIZES[self.depth])


def depth_problem(depth: Any) -> Iterable[str]:
    """An error message for each unknown depth.

    >>> list(depth_problem(50)), list(depth_problem(51))
    ([], ['depth must be one of 8, 14, 20, 18, 34, 50, 101, 152, got 51.'])
    """
    for choice in depth.choices if isinstance(depth, OneOf) else (depth,):
        if not isinstance(choice, Space) and choice is not None and choice not in _SIZES:
            yield f"depth must be one of {', '.join(map(str, _SIZES))}, got {choice!r}."


def _stem_stride(side: int, *, is_small: bool) -> int:
    # A wide first stage at full resolution costs more than a whole small network, so wide networks get strides earlier.
    max_stride_1, max_stride_2 = (40, 96) if is_small else (20, 80)
    return 1 if side <= max_stride_1 else 2 if side <= max_stride_2 else 4
