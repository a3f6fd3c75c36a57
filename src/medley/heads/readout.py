"""The output layer of all heads: features of any shape -> raw outputs."""

from __future__ import annotations

from torch import Tensor, nn

from medley.core.spec import Spec
from medley.heads.members import Join, MembersLinear, mean_number

MAX_FLATTENED = 1024
MIN_AVERAGED_CHANNELS = 8


class MeanOverPositions(nn.Module):
    """Averages over all axes except that of features: (B, C, H, W), (B, C, Z, H, W) -> (B, C); (B, T, D) -> (B, D)."""

    def __init__(self, features: int, rank: int) -> None:
        super().__init__()
        self.axes = tuple(axis for axis in range(1, rank + 1) if axis != features + 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, D)."""
        return x.mean(dim=self.axes)


def readout(spec: Spec, outputs: int, dropout: float, join: Join = mean_number) -> nn.Module:
    """Builds dropout and one linear layer; feature maps and sequences are reduced to vectors first.

    They are averaged over their positions, except those with at most 1024 numbers in total and those with fewer than 8
    channels (raw pixels or signals, whose average is not informative), which are flattened.

    Args:
        spec: spec of the features.
        outputs: K.
        dropout: dropout probability; 0 adds no dropout layer.
        join: combines the raw outputs of an ensemble's members.

    Returns:
        (B, *spec.shape) -> (B, K): one `nn.Linear` for a vector without dropout. From an ensemble (B, E, D), a linear
        layer per member: (B, E, K) in training.

    >>> import torch
    >>> readout(Spec((64, 8, 8), "CHW"), 3, 0.25)(torch.zeros(2, 64, 8, 8)).shape
    torch.Size([2, 3])
    >>> readout(Spec((64,), "D"), 3, 0.0)
    Linear(in_features=64, out_features=3, bias=True)
    """
    parts: list[nn.Module] = []
    width = spec.size
    if spec.rank > 1 and not spec.is_ensemble:
        is_averaged = (
            spec.size > MAX_FLATTENED
            and spec.width >= MIN_AVERAGED_CHANNELS
            and any(axis in spec.axes for axis in "DC")
        )
        if is_averaged:
            width = spec.width
            parts.append(MeanOverPositions(next(spec.axes.index(a) for a in "DC" if a in spec.axes), spec.rank))
        else:
            parts.append(nn.Flatten())
    if dropout > 0:
        parts.append(nn.Dropout(dropout))
    if spec.is_ensemble:
        linear = MembersLinear(spec.shape[0], spec.shape[1], outputs, join)
    else:
        linear = nn.Linear(width, outputs)
    return nn.Sequential(*parts, linear) if parts else linear
