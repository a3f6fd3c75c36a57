"""Networks over spectrograms, in all of which padding at the end changes nothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from medley.nn.backbone_inputs import StepPool
from medley.nn.transformer import Encoder, sinusoids


def step_mask(steps: Tensor) -> Tensor:
    """Which steps (B, T) hold something: all but those of nothing but zeros.

    >>> step_mask(torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])).tolist()
    [[True, False]]
    """
    return (steps != 0).any(dim=2)


class SpectrogramConvNet(nn.Module):
    """Stages of convolution, batch norm, ReLU and pooling; mean and maximum over time; a dense layer.

    Args:
        bins: D of a step.
        filters: channels of the first stage; they double from stage to stage.
        num_stages: stages.
        num_units: D' of what comes out.
        dropout: dropout probability before the dense layer.

    Shape: (B, T, D) -> (B, D').

    >>> SpectrogramConvNet(40, 8, 2, 16, dropout=0.0)(torch.randn(2, 30, 40)).shape
    torch.Size([2, 16])
    """

    def __init__(self, bins: int, filters: int, num_stages: int, num_units: int, *, dropout: float) -> None:
        super().__init__()
        stages, channels = [], 1
        for stage in range(num_stages):
            wider = filters * 2**stage
            stages.append(nn.Sequential(nn.Conv2d(channels, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider)))
            channels, bins = wider, -(-bins // 2)
        self.stages = nn.ModuleList(stages)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(2 * channels * bins, num_units)

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, D) -> (B, D')."""
        mask = step_mask(steps)[:, None, :, None].to(steps.dtype)
        maps = steps.unsqueeze(1)
        for stage in self.stages:
            # Zeros behind the end after each stage, as if the recording ended with the array.
            maps = F.relu(stage(maps)) * mask
            maps = F.max_pool2d(maps, 2, ceil_mode=True)
            mask = F.max_pool2d(mask, (2, 1), ceil_mode=True)
        count = mask.sum(dim=2).clamp(min=1)
        pooled = torch.cat([maps.sum(dim=2) / count, maps.amax(dim=2)], dim=1).flatten(1)
        return F.relu(self.dense(self.dropout(pooled)))


class MaskedRecurrent(nn.Module):
    """A GRU in each direction over the steps before the padding.

    Args:
        width: D of a step.
        units: U, of each direction.

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
        places = torch.arange(steps.shape[1], device=steps.device)
        last = (step_mask(steps) * places).amax(dim=1)
        turned = (last[:, None] - places).clamp(min=0)
        reverse = steps.gather(1, turned[:, :, None].expand(-1, -1, steps.shape[2]))
        ends = []
        for layer, sequence in ((self.forward_gru, steps), (self.backward_gru, reverse)):
            states, _ = layer(sequence)
            ends.append(states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1))
        return torch.cat(ends, dim=1)


class MaskedTransformer(nn.Module):
    """Transformer layers over the steps before the padding; the mean of the steps.

    Args:
        bins: D of a step.
        steps: T.
        width: D' inside and of what comes out.
        num_layers: layers on each other.
        num_heads: heads of each attention.
        dropout: dropout probability of what each part adds.

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
        seen = self.encoder(self.inward(steps) + self.positions[: steps.shape[1]], mask)
        weights = mask.to(seen.dtype).unsqueeze(2)
        return (seen * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


class MaskedAttention(nn.Module):
    """A dense layer on each step, and their learned weighted mean.

    Args:
        bins: D of a step.
        num_units: D' of what comes out.

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
    """Random shifts in time and masks in time and frequency, one of each per training row.

    Fractions of time are those of the row's own steps, its padding left out: short rows lose no more than long ones.

    Args:
        shift: furthest shift to either side, as a fraction of the row's steps.
        time_mask: widest masked stretch, as a fraction of the row's steps.
        frequency_mask: widest masked band, as a fraction of D.

    Shape: (B, T, D) -> the same; unchanged in evaluation.

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
        places = torch.arange(count, device=steps.device)
        length = (step_mask(steps) * (places + 1)).amax(dim=1, keepdim=True)
        if self.time_mask:
            steps = steps * _gap(length, count, self.time_mask, steps).unsqueeze(2)
        if self.shift:
            moved = ((2 * torch.rand(rows, 1, device=steps.device) - 1) * self.shift * length).round().long()
            source = places - moved
            inside = ((source >= 0) & (source < count)).unsqueeze(2)
            index = source.clamp(0, count - 1).unsqueeze(2).expand(-1, -1, width)
            steps = steps.gather(1, index) * inside
        if self.frequency_mask:
            bands = length.new_full((rows, 1), width)
            steps = steps * _gap(bands, width, self.frequency_mask, steps).unsqueeze(1)
        return steps


def _gap(sizes: Tensor, count: int, fraction: float, like: Tensor) -> Tensor:
    """Ones (B, count), with a random stretch of zeros in the first sizes (B, 1), of up to a fraction of them."""
    length = torch.rand(sizes.shape, device=like.device) * fraction * sizes
    start = torch.rand(sizes.shape, device=like.device) * (sizes - length)
    places = torch.arange(count, device=like.device)
    return ((places < start) | (places >= start + length)).to(like.dtype)
