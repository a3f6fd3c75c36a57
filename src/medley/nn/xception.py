"""Compact Xception networks: depthwise separable convolutions with residual connections."""

from __future__ import annotations

from torch import Tensor, nn

from medley.nn.conv import convolution, pixels_last, start_convolutions


def _separable(inside: int, outside: int) -> list[nn.Module]:
    return [convolution(2, inside, outside, 3, separable=True), nn.BatchNorm2d(outside)]


class _Entry(nn.Module):
    """Two separable convolutions and pooling, with a strided 1x1 shortcut: halves the feature map, rounding up."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *_separable(inside, outside),
            nn.ReLU(inplace=True),
            *_separable(outside, outside),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.branch(x) + self.shortcut(x))


class _Middle(nn.Module):
    """Two separable convolutions with an identity shortcut; initialised as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last = nn.BatchNorm2d(width)
        nn.init.zeros_(last.weight)
        first = _separable(width, width)
        self.branch = nn.Sequential(*first, nn.ReLU(inplace=True), _separable(width, width)[0], last)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.branch(x) + x)


class Xception(nn.Module):
    """A dense stem, entry blocks that halve the feature map and double the width, middle blocks, a wider exit layer.

    The structure of the paper with fewer and narrower blocks (Chollet 2017, arXiv:1610.02357).

    Args:
        channels: number of input channels.
        filters: number of channels of the stem.
        entries: number of entry blocks.
        middles: number of middle blocks.
        stem_stride: stride of the stem, 1 or 2.

    Shape:
        (B, C, H, W) -> (B, filters * 2 ** (entries + 1), H', W'), each halving rounded up

    >>> import torch
    >>> Xception(3, filters=8, entries=2, middles=1)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 64, 8, 8])
    """

    def __init__(self, channels: int, *, filters: int, entries: int, middles: int, stem_stride: int = 1) -> None:
        super().__init__()
        parts: list[nn.Module] = [
            nn.Conv2d(channels, filters, 3, stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
        ]
        width = filters
        for _ in range(entries):
            parts.append(_Entry(width, 2 * width))
            width *= 2
        parts += [_Middle(width) for _ in range(middles)]
        parts += [*_separable(width, 2 * width), nn.ReLU(inplace=True)]
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(pixels_last(x))
