"""Residual networks, from tiny ones for small images to ResNet-152."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.block import Facts, Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.errors import ConfigError
from medley.image.families import image_size, named_problem, pretrained_problem, shrunk

if TYPE_CHECKING:
    from torch import nn

    from medley.nn.resnet import ResNetPlan

# Depths, width of the first stage, bottleneck. The tiny ones are those of section 4.2 of the first paper, 6n + 2 deep.
_SIZES: dict[str, tuple[tuple[int, ...], int, bool]] = {
    "resnet8": ((1, 1, 1), 16, False),
    "resnet14": ((2, 2, 2), 16, False),
    "resnet20": ((3, 3, 3), 16, False),
    "resnet18": ((2, 2, 2, 2), 64, False),
    "resnet34": ((3, 4, 6, 3), 64, False),
    "resnet50": ((3, 4, 6, 3), 64, True),
    "resnet101": ((3, 4, 23, 3), 64, True),
    "resnet152": ((3, 8, 36, 3), 64, True),
}
NAMES = (*_SIZES, *(f"{name}_v2" for name in _SIZES))
_SEARCHED = ("resnet8", "resnet14", "resnet20")
_MANY = 2_000  # rows from which the larger networks are worth their time


def versions(family: str, sizes: Sequence[str] = _SEARCHED) -> OneOf:
    """The range of versions within a family.

    Args:
        family: `"v1"` or `"v2"`.
        sizes: names without a suffix.

    >>> versions("v2").default
    'resnet8_v2'
    """
    suffix = "_v2" if family == "v2" else ""
    return OneOf(*(f"{size}{suffix}" for size in sizes))


class ResNetBlock(Layer, register="image.resnet"):
    """A residual network without its classifier, trained from scratch.

    `"resnet8"`, `"resnet14"` and `"resnet20"` have three stages of 16, 32 and 64 channels (some 75 to 270 thousand
    parameters); `"resnet18"` to `"resnet152"` are those of the papers. The stem's stride follows the image: a small
    one keeps its pixels, a large one is reduced by four before the first stage.

    Sources: He et al. 2015, arXiv:1512.03385; `_v2`: He et al. 2016, arXiv:1603.05027.

    Args:
        version: one of the names above, with `_v2` for pre-activation; `"v1"` or `"v2"` searches the tiny sizes of
            that family, unset those of both, and up to 34 for large images of which there are many. Others are named,
            or given in a `OneOf`.
        pretrained: only False or unset; kept for programs that set it.

    Shape: (B, C, H, W) -> (B, C', H', W'); C' is 64 for the tiny ones, 512 or 2048 for the others.

    Raises:
        ConfigError: an unknown version, or pretrained weights are asked for.
        GraphError: joined to something that is no image.

    >>> str(ResNetBlock(version="resnet8").out(Spec((1, 28, 28), "CHW")))
    '(C=64 H=7 W=7)'
    >>> ResNetBlock(version="v2").version.default
    'resnet8_v2'
    """

    version: str | Space | None = searched(
        OneOf(*_SEARCHED, *(f"{name}_v2" for name in _SEARCHED)),
        also=str,
    )
    pretrained: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", _opened(self.version))
        super().__post_init__()

    def check(self) -> Iterable[str]:
        """The version is known; no pretrained weights."""
        yield from named_problem(self.version, NAMES)
        yield from pretrained_problem(self.pretrained)

    def sensible(self, specs: Sequence[Spec], facts: Facts) -> Mapping[str, Any]:
        """A tiny network for small images or few rows, ResNet-18 for large images of which there are many."""
        side = max(specs[0].shape[1:], default=1) if specs else 1
        if side <= 64 or facts.rows < _MANY:
            return {"version": "resnet8"}
        sizes = ("resnet18", "resnet14", "resnet20", "resnet34")
        return {"version": OneOf(*sizes, *(f"{size}_v2" for size in sizes))}

    def build(self, *specs: Spec) -> nn.Module:
        """The network."""
        from medley.nn.resnet import ResNet

        channels, height, width = image_size(specs[0], "ResNetBlock")
        plan = self._plan()
        stride = _stem_stride(max(height, width), tiny=plan.width < 64)
        return ResNet(channels, plan, stem_stride=stride, pre_activation=str(self.version).endswith("_v2"))

    def out(self, *specs: Spec) -> Spec:
        """A map of a few pixels."""
        _, height, width = image_size(specs[0], "ResNetBlock")
        plan = self._plan()
        stem = {1: 0, 2: 1, 4: 2}[_stem_stride(max(height, width), tiny=plan.width < 64)]
        halvings = stem + len(plan.depths) - 1
        return Spec((plan.out_channels, shrunk(height, halvings), shrunk(width, halvings)), "CHW")

    def _plan(self) -> ResNetPlan:
        from medley.nn.resnet import ResNetPlan

        name = str(self.version).removesuffix("_v2")
        if name not in _SIZES:
            raise ConfigError(f"ResNetBlock: the version is open, got {self.version!r}; name one to build it.")
        depths, width, bottleneck = _SIZES[name]
        return ResNetPlan(depths, width, bottleneck)


def _opened(version: Any) -> Any:
    words = version.choices if isinstance(version, OneOf) else (version,)
    if not {"v1", "v2"}.intersection(words):
        return version
    return OneOf(*(name for word in words for name in (versions(word).choices if word in ("v1", "v2") else (word,))))


def _stem_stride(side: int, *, tiny: bool) -> int:
    # A wide first stage on all pixels of a small image costs more than the whole tiny network, so it starts reduced.
    one, two = (40, 96) if tiny else (20, 80)
    return 1 if side <= one else 2 if side <= two else 4
