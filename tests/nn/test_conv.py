"""Convolution stacks: layout, starts and sizes."""

import pytest
import torch
from torch import nn

from medley.nn.conv import ConvStack, convolution, pixels_last


@pytest.mark.parametrize("shape", [(2, 1, 5, 4), (2, 3, 5, 4), (1, 1, 1, 1)])
def test_channels_last_keeps_the_values(shape):
    x = torch.randn(shape)
    assert torch.equal(pixels_last(x), x)
    assert pixels_last(x).stride()[1] == 1


def test_a_stack_preserves_the_channels_last_format():
    result = ConvStack(1, (28, 28), filters=8, num_blocks=3)(torch.randn(4, 1, 28, 28))
    assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("separable", [False, True])
def test_a_convolution_keeps_the_size(rank, kernel_size, separable):
    conv = convolution(rank, 8, 6, kernel_size, separable=separable)
    x = torch.randn(2, 8, *(4, 3, 5)[:rank])
    assert conv(x).shape == (2, 6, *(4, 3, 5)[:rank])


def test_a_depthwise_filter_needs_channels():
    assert isinstance(convolution(2, 3, 16, 3, separable=True), nn.Conv2d)
    assert sum(p.numel() for p in convolution(2, 16, 32, 3, separable=True).parameters()) == 16 * 9 + 16 * 32


def test_a_stack_preserves_the_scale_of_activations():
    # Golden: with He initialisation and batch norm, ReLU outputs have a mean square of about one half.
    torch.manual_seed(0)
    result = ConvStack(3, (32, 32), filters=16, num_blocks=3, num_layers=2, max_pooling=False)(
        torch.randn(16, 3, 32, 32)
    )
    assert 0.4 < result.square().mean() < 0.6
