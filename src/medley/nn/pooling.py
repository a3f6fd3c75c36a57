"""Masked pooling of the steps of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(steps: Tensor, mask: Tensor) -> Tensor:
    """The mean over the steps where `mask` is True; zeros if it is True nowhere.

    Args:
        steps: (B, T, D).
        mask: (B, T) bool.

    Returns:
        (B, D)

    >>> masked_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    weights = mask.unsqueeze(-1).to(steps.dtype)
    return (steps * weights).sum(1) / weights.sum(1).clamp_min(1)


def masked_max(steps: Tensor, mask: Tensor) -> Tensor:
    """The maximum over the steps where `mask` is True; zeros if it is True nowhere.

    Args:
        steps: (B, T, D).
        mask: (B, T) bool.

    Returns:
        (B, D)

    >>> masked_max(torch.tensor([[[-1.0], [-3.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[-1.]])
    """
    lowest = torch.finfo(steps.dtype).min
    largest = steps.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)
    return largest.masked_fill(~mask.any(1, keepdim=True), 0.0)
