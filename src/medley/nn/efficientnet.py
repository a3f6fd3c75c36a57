"""Inverted bottlenecks with squeeze-and-excitation (EfficientNet), scaled by width and depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.conv import pixels_last, start_convolutions


@dataclass(frozen=True)
class Stage:
    """A row of the network's table.

    Args:
        expansion: how many times wider the block is inside than at its input.
        width: channels out.
        depth: blocks.
        stride: of the first block.
        kernel_size: of the depthwise convolutions.
    """

    expansion: int
    width: int
    depth: int
    stride: int
    kernel_size: int


# Table 1 of the paper.
B0 = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)
STEM, TOP = 32, 1280


def rounded(width: float) -> int:
    """A width rounded to a multiple of 8, not more than a tenth below what was asked.

    >>> rounded(32 * 1.1), rounded(16 * 0.5)
    (32, 8)
    """
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


class _SqueezeExcite(nn.Module):
    """Gates every channel by what all channels hold on average (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.excite(F.silu(self.squeeze(x.mean((2, 3), keepdim=True))))
        return x * gate.sigmoid()


class _Inverted(nn.Module):
    """Expand, depthwise, gate, project; beside the identity where the shape stays (and then starts as it)."""

    def __init__(self, inside: int, outside: int, expansion: int, stride: int, kernel_size: int) -> None:
        super().__init__()
        wide = inside * expansion
        last = nn.BatchNorm2d(outside)
        expand = [nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU(inplace=True)]
        self.branch = nn.Sequential(
            *(expand if expansion > 1 else []),
            nn.Conv2d(wide, wide, kernel_size, stride, kernel_size // 2, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.SiLU(inplace=True),
            _SqueezeExcite(wide, max(1, inside // 4)),
            nn.Conv2d(wide, outside, 1, bias=False),
            last,
        )
        self.residual = stride == 1 and inside == outside
        if self.residual:
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + x if self.residual else self.branch(x)


class EfficientNet(nn.Module):
    """Table 1 of the paper with widths, depths and strides scaled (Tan and Le 2019, arXiv:1905.11946).

    Args:
        channels: channels in.
        width: factor on all widths.
        depth: factor on all depths.
        halvings: how often the map is halved, 0 to 5 (5 in the paper). The stem's stride is left out first, then the
            last stage's, and so on backwards, which keeps the costly early stages small.
        stages: the rows of the table.

    Shape:
        (B, C, H, W) -> (B, out_channels(width), H', W'), each halving rounded up

    >>> import torch
    >>> EfficientNet(3, width=0.5, depth=0.5, halvings=3)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 640, 4, 4])
    """

    def __init__(
        self, channels: int, *, width: float, depth: float, halvings: int = 5, stages: Sequence[Stage] = B0
    ) -> None:
        super().__init__()
        strided = [place for place, stage in enumerate(stages) if stage.stride == 2]
        kept = strided[:halvings]
        inside = rounded(STEM * width)
        first = 2 if halvings > len(strided) else 1
        parts: list[nn.Module] = [
            nn.Conv2d(channels, inside, 3, first, padding=1, bias=False),
            nn.BatchNorm2d(inside),
            nn.SiLU(inplace=True),
        ]
        for number, stage in enumerate(stages):
            stride = 2 if number in kept else 1
            outside = rounded(stage.width * width)
            for place in range(ceil(stage.depth * depth)):
                now = stride if place == 0 else 1
                parts.append(_Inverted(inside, outside, stage.expansion, now, stage.kernel_size))
                inside = outside
        top = self.out_channels(width)
        parts += [nn.Conv2d(inside, top, 1, bias=False), nn.BatchNorm2d(top), nn.SiLU(inplace=True)]
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    @staticmethod
    def out_channels(width: float) -> int:
        """Channels of the last map.

        >>> EfficientNet.out_channels(1.0)
        1280
        """
        return rounded(TOP * width)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(pixels_last(x))
