"""Residual networks (ResNet), versions 1 and 2, with 3 to 50 blocks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from medley.nn.conv import pixels_last, start_convolutions


@dataclass(frozen=True)
class ResNetPlan:
    """Sizes of a residual network.

    Args:
        depths: number of blocks per stage.
        width: number of channels of the first stage; it doubles from stage to stage.
        bottleneck: use blocks of 1x1, 3x3 and 1x1 convolutions with four times as many output channels, instead of two
            3x3 convolutions.
    """

    depths: tuple[int, ...]
    width: int = 64
    bottleneck: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of channels of every stage."""
        return tuple(self.width * 2**stage for stage in range(len(self.depths)))

    @property
    def out_channels(self) -> int:
        """The number of output channels.

        >>> ResNetPlan((3, 4, 6, 3), bottleneck=True).out_channels
        2048
        """
        return self.widths[-1] * (4 if self.bottleneck else 1)


def _conv(inside: int, outside: int, side: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, side, stride=stride, padding=side // 2, bias=False)


def _branch_shapes(inside: int, width: int, stride: int, *, bottleneck: bool) -> list[tuple[int, int, int, int]]:
    if bottleneck:  # the 3x3 has the stride: a strided 1x1 would skip three of four pixels
        return [(inside, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
    return [(inside, width, 3, stride), (width, width, 3, 1)]


class PostActivation(nn.Module):
    """Version 1: each convolution is followed by batch norm and ReLU; the last ReLU comes after the sum.

    He et al. 2015, arXiv:1512.03385. The last batch norm is initialised to zero, so that a new block is its shortcut.

    Shape:
        (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))
    """

    def __init__(self, inside: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        outside = inside
        for shape in _branch_shapes(inside, width, stride, bottleneck=bottleneck):
            outside = shape[1]
            parts += [_conv(*shape), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
        self.branch = nn.Sequential(*parts[:-1])
        same_shape = stride == 1 and inside == outside
        self.shortcut = (
            nn.Identity() if same_shape else nn.Sequential(_conv(inside, outside, 1, stride), nn.BatchNorm2d(outside))
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.branch(x) + self.shortcut(x))

    def start(self) -> None:
        """Initialises the block as its shortcut."""
        last = self.branch[-1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)


class PreActivation(nn.Module):
    """Version 2: batch norm and ReLU come before each convolution; nothing comes after the sum.

    He et al. 2016, arXiv:1603.05027. The last convolution is initialised to zero, so that a new block is its shortcut.

    Shape:
        (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))
    """

    def __init__(self, inside: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(inside), nn.ReLU(inplace=True))
        parts: list[nn.Module] = []
        outside = inside
        for shape in _branch_shapes(inside, width, stride, bottleneck=bottleneck):
            parts += [nn.BatchNorm2d(outside), nn.ReLU(inplace=True), _conv(*shape)]
            outside = shape[1]
        self.branch = nn.Sequential(*parts[2:])
        self.shortcut = None if stride == 1 and inside == outside else _conv(inside, outside, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        activated = self.before(x)
        return self.branch(activated) + (x if self.shortcut is None else self.shortcut(activated))

    def start(self) -> None:
        """Initialises the block as its shortcut."""
        last = self.branch[-1]
        assert isinstance(last, nn.Conv2d)
        nn.init.zeros_(last.weight)


class ResNet(nn.Module):
    """A stem and stages of residual blocks; every stage except the first halves the feature map.

    Args:
        channels: number of input channels.
        plan: depths and widths.
        stem_stride: 1 (a 3x3 convolution, for small images), 2 (a 3x3 convolution with stride 2) or 4 (a 7x7
            convolution with stride 2, then max pooling, as in the papers).
        pre_activation: use version 2 of the blocks.

    Shape:
        (B, C, H, W) -> (B, plan.out_channels, H', W'), each halving rounded up

    >>> import torch
    >>> ResNet(3, ResNetPlan((1, 1, 1), width=16), stem_stride=1)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 64, 8, 8])
    """

    def __init__(self, channels: int, plan: ResNetPlan, *, stem_stride: int, pre_activation: bool = False) -> None:
        super().__init__()
        stem: list[nn.Module] = [
            _conv(channels, plan.width, 7 if stem_stride == 4 else 3, min(stem_stride, 2)),
            nn.BatchNorm2d(plan.width),
            nn.ReLU(inplace=True),
        ]
        # The first block of version 2 begins with batch norm and ReLU, so the stem has none.
        stem = stem[:1] if pre_activation else stem
        self.stem = nn.Sequential(*stem, *([nn.MaxPool2d(3, 2, padding=1)] if stem_stride == 4 else []))
        block_class = PreActivation if pre_activation else PostActivation
        blocks: list[PreActivation | PostActivation] = []
        inside = plan.width
        for stage, (depth, width) in enumerate(zip(plan.depths, plan.widths, strict=True)):
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(block_class(inside, width, stride, bottleneck=plan.bottleneck))
                inside = width * (4 if plan.bottleneck else 1)
        self.blocks = nn.Sequential(*blocks)
        last = [nn.BatchNorm2d(inside), nn.ReLU(inplace=True)] if pre_activation else []
        self.last = nn.Sequential(*last)
        start_convolutions(self)
        for block in blocks:
            block.start()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(self.stem(pixels_last(x))))
