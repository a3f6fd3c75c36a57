"""Random image augmentation on batches of tensors, with parameters drawn per row."""

from __future__ import annotations

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[float, float]


def mirrored(shift: Tensor, flip: Tensor | None, size: int) -> Tensor:
    """The source index of each pixel along one axis after a shift, with reflection at the borders.

    Args:
        shift: (B,) in pixels; positive values shift towards higher indices.
        flip: (B,) bool, whether to flip the axis first; None for never.
        size: S, length of the axis.

    Returns:
        (B, S) indices.

    >>> mirrored(torch.tensor([0, 1, -2]), None, 4)
    tensor([[0, 1, 2, 3],
            [0, 0, 1, 2],
            [2, 3, 3, 2]])
    """
    source = torch.arange(size, device=shift.device)[None] - shift[:, None]
    source = source.remainder(2 * size)
    source = torch.minimum(source, 2 * size - 1 - source)
    return source if flip is None else torch.where(flip[:, None], size - 1 - source, source)


class Augment(nn.Module):
    """Flips, shifts, rotates, zooms and changes the contrast of each image at random, in training only.

    Random numbers come from torch's generator of the images' device. If only shifts and flips are used, whole pixels
    are moved with one gather (an eighth of the time of resampling). Rotation and zoom resample bilinearly, in one step
    with all other transformations. Images are reflected at their borders.

    Args:
        translation: largest shift, vertical and horizontal, as fractions of height and width.
        vertical_flip: flip an image upside down with probability 0.5.
        horizontal_flip: mirror an image with probability 0.5.
        rotation: smallest and largest angle as fractions of a full turn, anticlockwise.
        zoom: largest change of size, vertical and horizontal, as fractions; 0.1 is 90 % to 110 %.
        same_zoom: draw one factor for both axes, which preserves the aspect ratio.
        contrast: largest decrease and increase of contrast, as fractions; it is relative to the mean per channel.

    Shape:
        (B, C, H, W) -> (B, C, H, W)

    >>> Augment(translation=(0.1, 0.1))(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 1, 28, 28])
    """

    def __init__(
        self,
        *,
        translation: Pair = (0.0, 0.0),
        vertical_flip: bool = False,
        horizontal_flip: bool = False,
        rotation: Pair = (0.0, 0.0),
        zoom: Pair = (0.0, 0.0),
        same_zoom: bool = True,
        contrast: Pair = (0.0, 0.0),
    ) -> None:
        super().__init__()
        self.translation = translation
        self.vertical_flip = vertical_flip
        self.horizontal_flip = horizontal_flip
        self.rotation = rotation
        self.zoom = zoom
        self.same_zoom = same_zoom
        self.contrast = contrast

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if any(self.rotation) or any(self.zoom):
            x = self._resample(x)
        elif any(self.translation) or self.vertical_flip or self.horizontal_flip:
            x = self._shift_and_flip(x)
        return self._change_contrast(x) if any(self.contrast) else x

    def _shift_and_flip(self, x: Tensor) -> Tensor:
        rows, channels, height, width = x.shape
        down, right = (self._shift(x, axis) for axis in (0, 1))
        source = (mirrored(down, self._flip(x, 0), height) * width)[:, :, None]
        source = (source + mirrored(right, self._flip(x, 1), width)[:, None]).reshape(rows, 1, height * width)
        flat = x.reshape(rows, channels, height * width)
        return flat.gather(2, source.expand(-1, channels, -1)).reshape(x.shape)

    def _shift(self, x: Tensor, axis: int) -> Tensor:
        largest = round(self.translation[axis] * x.shape[axis + 2])
        return torch.randint(-largest, largest + 1, (x.shape[0],), device=x.device)

    def _flip(self, x: Tensor, axis: int) -> Tensor | None:
        if not (self.vertical_flip, self.horizontal_flip)[axis]:
            return None
        return torch.rand(x.shape[0], device=x.device) < 0.5

    def _resample(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        angle = _draw(x, *self.rotation) * (2 * pi)
        vertical = 1 / (1 + _draw(x, -self.zoom[0], self.zoom[0]))
        horizontal = vertical if self.same_zoom else 1 / (1 + _draw(x, -self.zoom[1], self.zoom[1]))
        vertical, horizontal = self._flip_scale(x, vertical, 0), self._flip_scale(x, horizontal, 1)
        # Grid coordinates range from -1 to 1 on both axes, so rotating an image that is not square also scales it.
        x_row = torch.stack([angle.cos() * horizontal, -angle.sin() * vertical * (height / width)], 1)
        y_row = torch.stack([angle.sin() * horizontal * (width / height), angle.cos() * vertical], 1)
        down, right = (2 * _draw(x, -fraction, fraction) for fraction in self.translation)
        theta = torch.stack([x_row, y_row], 1)
        theta = torch.cat([theta, -torch.stack([right, down], 1)[:, :, None]], 2)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid.to(x.dtype), padding_mode="reflection", align_corners=False)

    def _flip_scale(self, x: Tensor, scale: Tensor, axis: int) -> Tensor:
        flip = self._flip(x, axis)
        return scale if flip is None else torch.where(flip, -scale, scale)

    def _change_contrast(self, x: Tensor) -> Tensor:
        factor = _draw(x, 1 - self.contrast[0], 1 + self.contrast[1])[:, None, None, None]
        return torch.lerp(x.mean((2, 3), keepdim=True), x, factor.to(x.dtype))


def _draw(x: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(x.shape[0], device=x.device).uniform_(low, high)
