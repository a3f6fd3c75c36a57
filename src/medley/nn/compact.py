"""A small convolutional network for photographs, made to learn much in seconds on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from medley.nn.conv import pixels_last, start_convolutions


class CompactConvs(nn.Module):
    """Convolutions that halve an image until it is about 6 pixels wide, then the mean and the maximum of each channel.

    The first convolution has kernels of 4x4 and stride 2, which leaves a quarter of the pixels to all that follows; the
    others are 3x3, each with batch norm and ReLU, with max-pooling between them. The maximum says whether something is
    anywhere, the mean how much of it there is.

    Args:
        channels: channels in.
        widths: channels out of each convolution.

    Shape: (B, C, H, W) -> (B, 2 * widths[-1]).

    >>> CompactConvs(3, [24, 48, 96, 96])(torch.zeros(2, 3, 48, 48)).shape
    torch.Size([2, 192])
    """

    def __init__(self, channels: int, widths: list[int]) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for place, width in enumerate(widths):
            first, last = place == 0, place == len(widths) - 1
            conv = nn.Conv2d(channels, width, 4 if first else 3, 2 if first else 1, padding=1, bias=False)
            parts += [conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            if not first and not last:
                parts.append(nn.MaxPool2d(2, ceil_mode=True))
            channels = width
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 2 D)."""
        maps = self.parts(pixels_last(x))
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], 1)
