"""Networks over spectrograms; padding at the end has no effect on any of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.backbone_inputs import StepPool
from medley.nn.transformer import Encoder, sinusoids


def step_mask(steps: Tensor) -> Tensor:
    """The mask (B, T) of steps that are not padding, that is, not all zeros.

    >>> step_mask(torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])).tolist()
    [[True, False]]
    """
    return (steps != 0).any(dim=2)


class SpectrogramConvNet(nn.Module):
    """Stages of convolution, batch norm, ReLU and pooling; mean and maximum over time; a dense layer.

    Args:
        bins: D of a step.
        filters: number of channels of the first stage; it doubles from stage to stage.
        num_stages: number of stages.
        num_units: D', width of the output.
        dropout: dropout probability before the dense layer.

    Shape: (B, T, D) -> (B, D').

    >>> SpectrogramConvNet(40, 8, 2, 16, dropout=0.0)(torch.randn(2, 30, 40)).shape
    torch.Size([2, 16])
    """

    def __init__(self, bins: int, filters: int, num_stages: int, num_units: int, *, dropout: float) -> None:
        super().__init__()
        stages, channels = [], 1
        for stage in range(num_stages):
            width = filters * 2**stage
            stages.append(nn.Sequential(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)))
            channels, bins = width, -(-bins // 2)
        self.stages = nn.ModuleList(stages)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(2 * channels * bins, num_units)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) -> (B, D')."""
        mask = step_mask(steps)[:, None, :, None].to(steps.dtype)
        maps = steps.unsqueeze(1)
        for stage in self.stages:
            # Zeros after the end of the recording in each stage, as if the array ended there.
            maps = F.relu(stage(maps)) * mask
            maps = F.max_pool2d(maps, 2, ceil_mode=True)
            mask = F.max_pool2d(mask, (2, 1), ceil_mode=True)
        count = mask.sum(dim=2).clamp(min=1)
        pooled = torch.cat([maps.sum(dim=2) / count, maps.amax(dim=2)], dim=1).flatten(1)
        return F.relu(self.dense(self.dropout(pooled)))


class MaskedRecurrent(nn.Module):
    """A bidirectional GRU over the steps before the padding.

    Args:
        width: D of a step.
        units: U, number of units per direction.

    Shape: (B, T, D) -> (B, 2 U).

    >>> MaskedRecurrent(40, 8)(torch.randn(2, 30, 40)).shape
    torch.Size([2, 16])
    """

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.forward_gru = nn.GRU(width, units, batch_first=True)
        self.backward_gru = nn.GRU(width, units, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) -> (B, 2 U)."""
        positions = torch.arange(steps.shape[1], device=steps.device)
        last = (step_mask(steps) * positions).amax(dim=1)
        reverse_positions = (last[:, None] - positions).clamp(min=0)
        reverse = steps.gather(1, reverse_positions[:, :, None].expand(-1, -1, steps.shape[2]))
        ends = []
        for layer, sequence in ((self.forward_gru, steps), (self.backward_gru, reverse)):
            states, _ = layer(sequence)
            ends.append(states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1))
        return torch.cat(ends, dim=1)


class MaskedTransformer(nn.Module):
    """Transformer layers over the steps before the padding, and the mean over these steps.

    Args:
        bins: D of a step.
        steps: T.
        width: D', width of the layers and of the output.
        num_layers: number of layers.
        num_heads: number of attention heads.
        dropout: dropout probability in the residual branches.

    Shape: (B, T, D) -> (B, D').

    >>> MaskedTransformer(40, 30, 16, num_layers=1, num_heads=2, dropout=0.0)(torch.randn(2, 30, 40)).shape
    torch.Size([2, 16])
    """

    positions: Tensor

    def __init__(self, bins: int, steps: int, width: int, *, num_layers: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.inward = nn.Linear(bins, width)
        self.encoder = Encoder(width, num_layers=num_layers, num_heads=num_heads, dense_dim=2 * width, dropout=dropout)
        self.register_buffer("positions", sinusoids(steps, width))

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) -> (B, D')."""
        mask = step_mask(steps)
        states = self.encoder(self.inward(steps) + self.positions[: steps.shape[1]], mask)
        weights = mask.to(states.dtype).unsqueeze(2)
        return (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


class MaskedAttention(nn.Module):
    """A dense layer on each step, and a learned weighted mean over steps.

    Args:
        bins: D of a step.
        num_units: D', width of the output.

    Shape: (B, T, D) -> (B, D').

    >>> MaskedAttention(40, 16)(torch.randn(2, 30, 40)).shape
    torch.Size([2, 16])
    """

    def __init__(self, bins: int, num_units: int) -> None:
        super().__init__()
        self.dense = nn.Linear(bins, num_units)
        self.pool = StepPool(num_units, num_units)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) -> (B, D')."""
        mask = step_mask(steps).to(steps.dtype).unsqueeze(2)
        return self.pool(F.gelu(self.dense(steps)) * mask)


class SpectrogramMasking(nn.Module):
    """Applies a random time shift, a time mask and a frequency mask to each row, in training only.

    Fractions of time are relative to the length of the row without its padding, so short rows do not lose more than
    long ones.

    Args:
        shift: largest shift in either direction, as a fraction of the row's length.
        time_mask: largest width of the time mask, as a fraction of the row's length.
        frequency_mask: largest width of the frequency mask, as a fraction of D.

    Shape: (B, T, D) -> (B, T, D); unchanged in evaluation mode.

    >>> SpectrogramMasking(0.1, 0.1, 0.1).eval()(torch.ones(1, 2, 3)).sum()
    tensor(6.)
    """

    def __init__(self, shift: float, time_mask: float, frequency_mask: float) -> None:
        super().__init__()
        self.shift = shift
        self.time_mask = time_mask
        self.frequency_mask = frequency_mask

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        if not self.training:
            return steps
        rows, count, width = steps.shape
        positions = torch.arange(count, device=steps.device)
        length = (step_mask(steps) * (positions + 1)).amax(dim=1, keepdim=True)
        if self.time_mask:
            steps = steps * _random_mask(length, count, self.time_mask, steps).unsqueeze(2)
        if self.shift:
            shift = ((2 * torch.rand(rows, 1, device=steps.device) - 1) * self.shift * length).round().long()
            source = positions - shift
            inside = ((source >= 0) & (source < count)).unsqueeze(2)
            index = source.clamp(0, count - 1).unsqueeze(2).expand(-1, -1, width)
            steps = steps.gather(1, index) * inside
        if self.frequency_mask:
            bins = length.new_full((rows, 1), width)
            steps = steps * _random_mask(bins, width, self.frequency_mask, steps).unsqueeze(1)
        return steps


def _random_mask(sizes: Tensor, count: int, fraction: float, like: Tensor) -> Tensor:
    """Ones (B, count), with a random range of zeros of up to a fraction of the first `sizes` (B, 1) positions."""
    length = torch.rand(sizes.shape, device=like.device) * fraction * sizes
    start = torch.rand(sizes.shape, device=like.device) * (sizes - length)
    positions = torch.arange(count, device=like.device)
    return ((positions < start) | (positions >= start + length)).to(like.dtype)
