"""Random changes of images that leave their meaning, drawn per row, on whole batches of tensors."""

from __future__ import annotations

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[float, float]


def mirrored(shift: Tensor, flip: Tensor | None, size: int) -> Tensor:
    """Where each pixel along one axis comes from after a shift; past the edge the axis is mirrored.

    Args:
        shift: (B,) whole pixels, positive moves towards higher positions.
        flip: (B,) bool, turn the axis round first; None for never.
        size: the axis' length S.

    Returns:
        (B, S) positions.

    >>> mirrored(torch.tensor([0, 1, -2]), None, 4)
    tensor([[0, 1, 2, 3],
            [0, 0, 1, 2],
            [2, 3, 3, 2]])
    """
    place = torch.arange(size, device=shift.device)[None] - shift[:, None]
    place = place.remainder(2 * size)
    place = torch.minimum(place, 2 * size - 1 - place)
    return place if flip is None else torch.where(flip[:, None], size - 1 - place, place)


class Augment(nn.Module):
    """Flips, shifts, rotates, zooms and changes the contrast of each row by draws of its own, in training only.

    Random numbers come from torch's generator of the images' device. Shifts alone, with or without flips, move
    whole pixels by one gather (an eighth of the time of resampling); rotation and zoom resample bilinearly, all
    moves at once. Past the edge the image is mirrored.

    Args:
        translation: furthest shift, vertical and horizontal, as shares of height and width.
        vertical_flip: turn upside down half of the rows.
        horizontal_flip: swap left and right in half of the rows.
        rotation: least and greatest angle as shares of a full turn, anticlockwise.
        zoom: furthest change of size, vertical and horizontal, as shares; 0.1 is 90 % to 110 %.
        same_zoom: one draw for both axes, which keeps the aspect.
        contrast: furthest change down and up, as shares; numbers move away from or towards their mean per channel.

    Shape:
        (B, C, H, W) -> the same

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
            x = self._move(x)
        return self._stretch(x) if any(self.contrast) else x

    def _move(self, x: Tensor) -> Tensor:
        rows, channels, height, width = x.shape
        down, right = (self._shift(x, axis) for axis in (0, 1))
        place = (mirrored(down, self._flip(x, 0), height) * width)[:, :, None]
        place = (place + mirrored(right, self._flip(x, 1), width)[:, None]).reshape(rows, 1, height * width)
        flat = x.reshape(rows, channels, height * width)
        return flat.gather(2, place.expand(-1, channels, -1)).reshape(x.shape)

    def _shift(self, x: Tensor, axis: int) -> Tensor:
        most = round(self.translation[axis] * x.shape[axis + 2])
        return torch.randint(-most, most + 1, (x.shape[0],), device=x.device)

    def _flip(self, x: Tensor, axis: int) -> Tensor | None:
        if not (self.vertical_flip, self.horizontal_flip)[axis]:
            return None
        return torch.rand(x.shape[0], device=x.device) < 0.5

    def _resample(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        angle = _draw(x, *self.rotation) * (2 * pi)
        tall = 1 / (1 + _draw(x, -self.zoom[0], self.zoom[0]))
        wide = tall if self.same_zoom else 1 / (1 + _draw(x, -self.zoom[1], self.zoom[1]))
        tall, wide = self._signed(x, tall, 0), self._signed(x, wide, 1)
        # Grid coordinates run from -1 to 1 along both axes, so a turn of an image that is not square also scales.
        turn = torch.stack([angle.cos() * wide, -angle.sin() * tall * (height / width)], 1)
        rise = torch.stack([angle.sin() * wide * (width / height), angle.cos() * tall], 1)
        down, right = (2 * _draw(x, -share, share) for share in self.translation)
        theta = torch.stack([turn, rise], 1)
        theta = torch.cat([theta, -torch.stack([right, down], 1)[:, :, None]], 2)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        return F.grid_sample(x, grid.to(x.dtype), padding_mode="reflection", align_corners=False)

    def _signed(self, x: Tensor, scale: Tensor, axis: int) -> Tensor:
        flip = self._flip(x, axis)
        return scale if flip is None else torch.where(flip, -scale, scale)

    def _stretch(self, x: Tensor) -> Tensor:
        factor = _draw(x, 1 - self.contrast[0], 1 + self.contrast[1])[:, None, None, None]
        return torch.lerp(x.mean((2, 3), keepdim=True), x, factor.to(x.dtype))


def _draw(x: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(x.shape[0], device=x.device).uniform_(low, high)
