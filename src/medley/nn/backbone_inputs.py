"""Pretrained encoders behind what they read here: codes of words, and images of any size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from medley.nn.backbone import Backbone
from medley.nn.set_pool import AttentionPool


class TextEncoder(nn.Module):
    """A pretrained encoder of texts over codes: 0 is padding, others are its tokens' numbers plus 1.

    Args:
        backbone: the encoder.
        padding: its own number of padding.

    Shape: codes (B, T) -> (B, D), or states (B, T, D) with zeros at the padding.
    """

    def __init__(self, backbone: Backbone, padding: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.padding = padding

    def forward(self, codes: Tensor) -> Tensor:
        codes = codes.long()
        mask = codes > 0
        ids = torch.where(mask, codes - 1, self.padding)
        # A text without any token (an empty one, where the tokenizer adds none) is read as one of padding.
        first = torch.arange(codes.shape[1], device=codes.device) == 0
        mask = mask | (first & ~mask.any(1, keepdim=True))
        return self.backbone(input_ids=ids, attention_mask=mask.long())


class ImageEncoder(nn.Module):
    """A pretrained encoder of images: brings them to its size and channels, and normalises them as it was trained.

    Args:
        backbone: the encoder.
        size: height and width that it reads; None leaves images as large as they are.
        mean: per channel, of values from 0 to 1.
        std: likewise.
        how: resampling of other sizes, `"nearest"`, `"bilinear"` or `"bicubic"`.

    Shape: (B, C, H, W) from 0 to 1 -> (B, D), (B, T, D) or (B, C', H', W').
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: Backbone, size: tuple[int, int] | None, mean: Sequence[float], std: Sequence[float], how: str
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.size = size
        self.how = how
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if self.size is not None and tuple(images.shape[2:]) != self.size:
            images = self._resized(images, self.size)
        if images.shape[1] != len(self.mean):
            images = images.expand(-1, len(self.mean), -1, -1)
        return self.backbone(pixel_values=(images - self.mean) / self.std)

    def _resized(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        if self.how == "nearest":
            return nn.functional.interpolate(images, size, mode="nearest")
        how = "bicubic" if self.how == "lanczos" else self.how
        return nn.functional.interpolate(images, size, mode=how, antialias=True, align_corners=False)


class StepPool(nn.Module):
    """A weighted mean of the steps that hold something; a small gated network on each says how much it weighs.

    Args:
        width: D of a step.
        hidden: width of the gated network.

    Shape: steps (B, T, D), zeros where there is none -> (B, D).

    >>> StepPool(8, 4)(torch.ones(2, 3, 8)).shape
    torch.Size([2, 8])
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.pool = AttentionPool(width, hidden)

    def forward(self, steps: Tensor) -> Tensor:
        return self.pool(steps, (steps != 0).any(2))
