"""A small convolutional network that reduces an image by strides instead of pooling."""

from __future__ import annotations

from torch import Tensor, nn

from medley.nn.conv import pixels_last, start_convolutions


class StridedConvs(nn.Module):
    """Convolutions with stride 2 down to a small map, one more over that map; each with batch norm and ReLU.

    Most numbers are gone after the first layer, which makes it the cheapest of our networks per training row; kept
    whole (flattened), its small map still tells where something is, which an average over space does not.

    Source: Springenberg et al. 2014, "Striving for Simplicity", arXiv:1412.6806 (strides in place of pooling).

    Args:
        channels: channels in.
        strides: how often the map is halved.
        filters: channels out of the first layer; all others have twice as many.
        kernel_size: side of the first layer's kernels; the others' are 3.

    Shape:
        (B, C, H, W) -> (B, 2 * filters, H', W'), sides halved `strides` times, rounding up.

    >>> import torch
    >>> StridedConvs(1, strides=2, filters=32, kernel_size=5)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 64, 7, 7])
    """

    def __init__(self, channels: int, *, strides: int, filters: int, kernel_size: int) -> None:
        super().__init__()
        widths = [filters, *[2 * filters] * max(strides, 1)]
        parts: list[nn.Module] = []
        for place, width in enumerate(widths):
            side = kernel_size if place == 0 else 3
            stride = 2 if place < strides else 1
            conv = nn.Conv2d(channels, width, side, stride, padding=side // 2, bias=False)
            parts += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(pixels_last(x))
