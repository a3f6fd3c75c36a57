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
    """Convolutions with stride 2 to a map of about 7x7, then one more convolution; each with batch norm and ReLU.

    Source: Springenberg et al. 2014, arXiv:1412.6806 (strides instead of pooling).

    Args:
        filters: output channels of the first layer; the other layers have twice as many.
        kernel_size: side length of the kernels of the first layer, odd; that of the other layers is 3.

    Shape: (B, C, H, W) -> (B, 2 * filters, H', W'), H' and W' about 7, or H and W if they are smaller.

    Raises:
        GraphError: called on something that is not an image.

    >>> str(StridedConvBlock(filters=32, kernel_size=5).out(Spec((1, 28, 28), "CHW")))
    '(C=64 H=7 W=7)'
    """

    filters: int | Space | None = searched(OneOf(16, 32, 64, default=32))
    kernel_size: int | Space | None = searched(OneOf(3, 5, default=5))

    def check(self) -> Iterable[str]:
        """Checks that counts are positive integers and that the kernel size is odd."""
        yield from whole_number_problems(self, "filters", "kernel_size")
        if isinstance(self.kernel_size, int) and self.kernel_size % 2 == 0:
            yield f"kernel_size must be odd, got {self.kernel_size}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """A small kernel for small images."""
        return {"kernel_size": 3 if specs and max(specs[0].shape[1:], default=1) < 12 else 5}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the network."""
        from medley.nn.strided import StridedConvs

        channels, height, width = image_size(specs[0], "StridedConvBlock")
        strides = halvings(max(height, width))
        return StridedConvs(
            channels, strides=strides, filters=_as_int(self.filters), kernel_size=_as_int(self.kernel_size)
        )

    def out(self, *specs: Spec) -> Spec:
        """A wider and smaller map."""
        _, height, width = image_size(specs[0], "StridedConvBlock")
        count = halvings(max(height, width))
        return Spec((2 * _as_int(self.filters), shrunk(height, count), shrunk(width, count)), "CHW")


def halvings(side: int) -> int:
    """The number of halvings after which a side is about 7.

    >>> [halvings(side) for side in (1, 8, 16, 28, 32, 64)]
    [0, 0, 1, 2, 2, 3]
    """
    count = 0
    while side >= 14:
        side, count = -(-side // 2), count + 1
    return count


def _as_int(value: int | float | Space | None) -> int:
    assert isinstance(value, int | float)
    return int(value)
