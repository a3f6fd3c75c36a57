"""Adapters from token ids and images of any size to pretrained encoders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.backbone import Backbone
from medley.nn.set_pool import AttentionPool


class TextEncoder(nn.Module):
    """A pretrained text encoder over shifted token ids: 0 is padding, others are the model's token ids plus 1.

    Args:
        backbone: the encoder.
        padding: the model's own padding id.

    Shape: token ids (B, T) -> (B, D), or states (B, T, D) with zeros at the padding.
    """

    def __init__(self, backbone: Backbone, padding: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.padding = padding

    def forward(self, ids: Tensor) -> Tensor:
        ids = ids.long()
        mask = ids > 0
        input_ids = torch.where(mask, ids - 1, self.padding)
        # A text without any token (an empty one, if the tokenizer adds no special tokens) is read as one padding token.
        first = torch.arange(ids.shape[1], device=ids.device) == 0
        mask = mask | (first & ~mask.any(1, keepdim=True))
        return self.backbone(input_ids=input_ids, attention_mask=mask.long())


class ImageEncoder(nn.Module):
    """A pretrained image encoder: resizes images, repeats channels, and normalises as in pretraining.

    Args:
        backbone: the encoder.
        size: height and width that the encoder reads; None does not resize.
        mean: mean per channel, of values from 0 to 1.
        std: standard deviation per channel.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"` (computed as bicubic).

    Shape: (B, C, H, W) from 0 to 1 -> (B, D), (B, T, D) or (B, C', H', W').
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: Backbone,
        size: tuple[int, int] | None,
        mean: Sequence[float],
        std: Sequence[float],
        interpolation: str,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.size = size
        self.interpolation = interpolation
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.size is not None and tuple(images.shape[2:]) != self.size:
            images = self._resize(images, self.size)
        if images.shape[1] != len(self.mean):
            images = images.expand(-1, len(self.mean), -1, -1)
        return self.backbone(pixel_values=(images - self.mean) / self.std)

    def _resize(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        if self.interpolation == "nearest":
            return nn.functional.interpolate(images, size, mode="nearest")
        mode = "bicubic" if self.interpolation == "lanczos" else self.interpolation
        return nn.functional.interpolate(images, size, mode=mode, antialias=True, align_corners=False)


class StepPool(nn.Module):
    """A weighted mean of the non-zero steps; a small gated network computes the weight of each step.

    Args:
        width: D of a step.
        hidden: width of the gated network.

    Shape: steps (B, T, D), zeros at the padding -> (B, D).

    >>> StepPool(8, 4)(torch.ones(2, 3, 8)).shape
    torch.Size([2, 8])
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.pool = AttentionPool(width, hidden)

    def forward(self, steps: Tensor) -> Tensor:
        return self.pool(steps, (steps != 0).any(2))
