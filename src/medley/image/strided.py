"""A small and fast network for small images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.arguments import whole_number_problems
from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.families import image_size, shrunk

if TYPE_CHECKING:
    from torch import nn


class StridedConvBlock(Layer, register="image.strided"):
    """Convolutions with stride 2 down to a map of about 7x7, one more over that map; each with batch norm and ReLU.

    Source: Springenberg et al. 2014, arXiv:1412.6806 (strides in place of pooling).

    Args:
        filters: channels out of the first layer; all others have twice as many.
        kernel_size: side of the first layer's kernels, odd; the others' are 3.

    Shape: (B, C, H, W) -> (B, 2 * filters, H', W'), H' and W' about 7, or as they come where they are smaller.

    Raises:
        GraphError: joined to something that is not an image.

    >>> str(StridedConvBlock(filters=32, kernel_size=5).out(Spec((1, 28, 28), "CHW")))
    '(C=64 H=7 W=7)'
    """

    filters: int | Space | None = searched(OneOf(16, 32, 64, default=32))
    kernel_size: int | Space | None = searched(OneOf(3, 5, default=5))

    def check(self) -> Iterable[str]:
        """Counts are whole numbers from 1, the kernel is odd."""
        yield from whole_number_problems(self, "filters", "kernel_size")
        if isinstance(self.kernel_size, int) and self.kernel_size % 2 == 0:
            yield f"kernel_size must be odd, got {self.kernel_size}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A kernel that is small beside a small image."""
        return {"kernel_size": 3 if specs and max(specs[0].shape[1:], default=1) < 12 else 5}

    def build(self, *specs: Spec) -> nn.Module:
        """The network."""
        from medley.nn.strided import StridedConvs

        channels, height, width = image_size(specs[0], "StridedConvBlock")
        strides = halvings(max(height, width))
        return StridedConvs(
            channels, strides=strides, filters=_whole(self.filters), kernel_size=_whole(self.kernel_size)
        )

    def out(self, *specs: Spec) -> Spec:
        """A wider and smaller map."""
        _, height, width = image_size(specs[0], "StridedConvBlock")
        times = halvings(max(height, width))
        return Spec((2 * _whole(self.filters), shrunk(height, times), shrunk(width, times)), "CHW")


def halvings(side: int) -> int:
    """How often a side is halved until it is about 7.

    >>> [halvings(side) for side in (1, 8, 16, 28, 32, 64)]
    [0, 0, 1, 2, 2, 3]
    """
    times = 0
    while side >= 14:
        side, times = -(-side // 2), times + 1
    return times


def _whole(value: int | float | Space | None) -> int:
    assert isinstance(value, int | float)
    return int(value)
