"""A small network for photographs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from medley.core.arguments import whole_number_problem
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec, vector
from medley.image.families import image_size

if TYPE_CHECKING:
    from torch import nn

_SMALLEST = 8
_WIDEST = 8


class CompactConvBlock(Layer, register="image.compact"):
    """Strided convolutions to a map of about 6 pixels, then the mean and the maximum of each of its channels.

    The first convolution halves the image, so that an epoch on images of 32 to 96 pixels takes seconds on a CPU.

    Source: Springenberg et al. 2014, arXiv:1412.6806 (strides instead of pooling).

    Args:
        filters: output channels of the first convolution; they double with each convolution, up to eight times as many.

    Shape: (B, C, H, W) -> (B, 2 * D), D the number of channels of the last convolution.

    Raises:
        GraphError: called on something that is not an image.

    >>> str(CompactConvBlock(filters=24).out(Spec((3, 48, 48), "CHW")))
    '(D=192)'
    """

    filters: int | Space | None = searched(OneOf(16, 24, 32, 48, default=24))

    def check(self) -> Iterable[str]:
        yield from whole_number_problem(self.filters, "filters")

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the network."""
        from medley.nn.compact import CompactConvs

        channels, height, width = image_size(specs[0], "CompactConvBlock")
        return CompactConvs(channels, self._widths(max(height, width)))

    def out(self, *specs: Spec) -> Spec:
        """One vector."""
        _, height, width = image_size(specs[0], "CompactConvBlock")
        return vector(2 * self._widths(max(height, width))[-1])

    def _widths(self, side: int) -> list[int]:
        filters = int(cast(int, self.filters))
        side, widths = -(-side // 2), [filters]
        while side > _SMALLEST:
            widths.append(min(2 * widths[-1], _WIDEST * filters))
            side = -(-side // 2)
        return [*widths, widths[-1] * (2 if len(widths) < 3 else 1)]
