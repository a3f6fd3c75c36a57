"""Stacks of convolutions over sequences, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_POOL = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_PAD = {1: nn.ConstantPad1d, 2: nn.ConstantPad2d, 3: nn.ConstantPad3d}

FEWEST_FOR_DEPTHWISE = 8


def pixels_last(x: Tensor) -> Tensor:
    """The same images (B, C, H, W) with the channels innermost in memory.

    Convolutions, batch norms and poolings keep that order from layer to layer; on a CPU a small network trains
    one and a half to two times as fast as with the pixels innermost (measured at 28 and 96 pixels).

    >>> import torch
    >>> pixels_last(torch.zeros(2, 3, 4, 4)).stride(), pixels_last(torch.zeros(2, 1, 4, 4)).stride()
    ((48, 1, 12, 3), (16, 1, 4, 1))
    """
    if x.shape[1] == 1:  # both orders are the same memory then, and torch would go on with the slow one
        return x.reshape(x.shape[0], x.shape[2], x.shape[3], 1).permute(0, 3, 1, 2)
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def start_convolutions(module: nn.Module) -> None:
    """He initialisation of all convolutions below `module` (He et al. 2015, arXiv:1502.01852); biases start at 0."""
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def halved(size: Sequence[int]) -> tuple[int, ...]:
    """A map's size after pooling by two, never below 1.

    >>> halved((28, 7, 1))
    (14, 3, 1)
    """
    return tuple(max(1, one // 2) for one in size)


def convolution(rank: int, inside: int, outside: int, kernel_size: int, *, separable: bool = False) -> nn.Module:
    """A convolution without bias that keeps the map's size.

    Args:
        rank: spatial axes, 1 to 3.
        inside: channels in.
        outside: channels out.
        kernel_size: side of the kernel; even sides pad one more at the end.
        separable: depthwise, then pointwise (Chollet 2017, arXiv:1610.02357). With few channels in, a depthwise
            filter sees too little, so the convolution stays dense there.
    """
    conv = _CONV[rank]
    padding = (kernel_size - 1) // 2
    uneven = [] if kernel_size % 2 else [_PAD[rank]((0, 1) * rank, 0.0)]
    if not separable or inside < FEWEST_FOR_DEPTHWISE:
        return _chain(*uneven, conv(inside, outside, kernel_size, padding=padding, bias=False))
    depthwise = conv(inside, inside, kernel_size, padding=padding, groups=inside, bias=False)
    return _chain(*uneven, depthwise, conv(inside, outside, 1, bias=False))


def _chain(*parts: nn.Module) -> nn.Module:
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


class ConvStack(nn.Module):
    """Blocks of convolution, batch norm and ReLU; the width doubles from block to block.

    In the last layer of a block the pooling comes before the batch norm: a quarter of the numbers is left to
    normalise, which takes a third off a training step on a CPU.

    Args:
        channels: channels in.
        size: the map's size, one to three axes.
        filters: channels out of the first block.
        kernel_size: side of the kernels.
        num_blocks: blocks.
        num_layers: convolutions in a block.
        max_pooling: halve the map after each block, never below 1.
        separable: depthwise separable convolutions.
        dropout: share of numbers that are dropped after each block in training.

    Shape:
        (B, C, *size) -> (B, filters * 2 ** (num_blocks - 1), *out_size)

    >>> import torch
    >>> ConvStack(1, (28, 28), filters=8, num_blocks=3)(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 32, 3, 3])
    """

    def __init__(
        self,
        channels: int,
        size: Sequence[int],
        *,
        filters: int = 32,
        kernel_size: int = 3,
        num_blocks: int = 2,
        num_layers: int = 1,
        max_pooling: bool = True,
        separable: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        rank = len(size)
        parts: list[nn.Module] = []
        for block in range(num_blocks):
            width = filters * 2**block
            for layer in range(num_layers):
                parts.append(convolution(rank, channels, width, kernel_size, separable=separable))
                if max_pooling and layer == num_layers - 1 and max(size) > 1:
                    parts.append(_POOL[rank](tuple(min(2, one) for one in size)))
                    size = halved(size)
                parts += [_NORM[rank](width), nn.ReLU(inplace=True)]
                channels = width
            if dropout:
                parts.append(nn.Dropout(dropout))
        self.parts = nn.Sequential(*parts)
        start_convolutions(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.parts(pixels_last(x) if x.ndim == 4 else x)


class StepsLast(nn.Module):
    """A module that reads and gives (B, D, T), for sequences (B, T, D).

    Args:
        inner: the module.

    >>> import torch
    >>> StepsLast(ConvStack(5, (9,), filters=8))(torch.zeros(2, 9, 5)).shape
    torch.Size([2, 2, 16])
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.transpose(1, 2)).transpose(1, 2)
