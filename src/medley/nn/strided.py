"""A small convolutional network with strides instead of pooling."""

from __future__ import annotations

from torch import Tensor, nn

from medley.nn.conv import pixels_last, start_convolutions


class StridedConvs(nn.Module):
    """Convolutions with stride 2 down to a small feature map, and one more; each with batch norm and ReLU.

    The first layer already reduces the feature map, which makes this the fastest image network of medley per training
    row. If the small feature map is flattened, it still contains positions, unlike an average over space.

    Source: Springenberg et al. 2014, "Striving for Simplicity", arXiv:1412.6806 (strides instead of pooling).

    Args:
        channels: number of input channels.
        strides: how often the feature map is halved.
        filters: number of output channels of the first layer; all others have twice as many.
        kernel_size: side of the kernels of the first layer; 3 in all other layers.

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
        for layer, width in enumerate(widths):
            side = kernel_size if layer == 0 else 3
            stride = 2 if layer < strides else 1
            conv = nn.Conv2d(channels, width, side, stride, padding=side // 2, bias=False)
            parts += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(pixels_last(x))
