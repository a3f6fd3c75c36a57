"""EfficientNet: inverted bottlenecks with squeeze-and-excitation, scaled in width and depth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.conv import pixels_last, start_convolutions


@dataclass(frozen=True)
class Stage:
    """One stage of the network.

    Args:
        expansion: ratio of the inner width of a block to its input width.
        width: number of output channels.
        depth: number of blocks.
        stride: stride of the first block.
        kernel_size: side of the depthwise kernels.
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
    """Rounds a width to a multiple of 8, at most a tenth below the given width.

    >>> rounded(32 * 1.1), rounded(16 * 0.5)
    (32, 8)
    """
    multiple = max(8, int(width + 4) // 8 * 8)
    return multiple + 8 if multiple < 0.9 * width else multiple


class _SqueezeExcite(nn.Module):
    """Gates every channel, given the spatial means of all channels (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.excite(F.silu(self.squeeze(x.mean((2, 3), keepdim=True))))
        return x * gate.sigmoid()


class _InvertedBottleneck(nn.Module):
    """Inverted bottleneck; if the shape is preserved, with an identity shortcut, and initialised as the identity."""

    def __init__(self, inside: int, outside: int, expansion: int, stride: int, kernel_size: int) -> None:
        super().__init__()
        inner = inside * expansion
        last = nn.BatchNorm2d(outside)
        expand = [nn.Conv2d(inside, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.SiLU(inplace=True)]
        self.branch = nn.Sequential(
            *(expand if expansion > 1 else []),
            nn.Conv2d(inner, inner, kernel_size, stride, kernel_size // 2, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.SiLU(inplace=True),
            _SqueezeExcite(inner, max(1, inside // 4)),
            nn.Conv2d(inner, outside, 1, bias=False),
            last,
        )
        self.residual = stride == 1 and inside == outside
        if self.residual:
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + x if self.residual else self.branch(x)


class EfficientNet(nn.Module):
    """EfficientNet with scaled widths, depths and strides (Tan and Le 2019, arXiv:1905.11946).

    Args:
        channels: number of input channels.
        width: multiplier of all widths.
        depth: multiplier of all depths.
        halvings: how often the feature map is halved, 0 to 5 (5 in the paper). The stride of the stem is removed first,
            then that of the last stage, and so on backwards, so that the expensive early stages stay small.
        stages: the stages, by default those of Table 1 of the paper.

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
        strided = [index for index, stage in enumerate(stages) if stage.stride == 2]
        with_stride = strided[:halvings]
        inside = rounded(STEM * width)
        stem_stride = 2 if halvings > len(strided) else 1
        parts: list[nn.Module] = [
            nn.Conv2d(channels, inside, 3, stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(inside),
            nn.SiLU(inplace=True),
        ]
        for index, stage in enumerate(stages):
            stage_stride = 2 if index in with_stride else 1
            outside = rounded(stage.width * width)
            for block in range(ceil(stage.depth * depth)):
                stride = stage_stride if block == 0 else 1
                parts.append(_InvertedBottleneck(inside, outside, stage.expansion, stride, stage.kernel_size))
                inside = outside
        top = self.out_channels(width)
        parts += [nn.Conv2d(inside, top, 1, bias=False), nn.BatchNorm2d(top), nn.SiLU(inplace=True)]
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    @staticmethod
    def out_channels(width: float) -> int:
        """The number of output channels.

        >>> EfficientNet.out_channels(1.0)
        1280
        """
        return rounded(TOP * width)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(pixels_last(x))
