"""Random augmentation of images in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from medley.core.block import DataSummary
from medley.core.layer import Layer
from medley.core.space import OneOf, Space, searched
from medley.core.spec import Spec
from medley.image.families import image_size

if TYPE_CHECKING:
    from torch import nn

Factor = float | tuple[float, float] | Space | None
_PAIR = (tuple, list)
_PHOTO_SIDE = 32


class ImageAugmentation(Layer, register="image.augmentation"):
    """Transforms each training image at random; images are not changed in prediction.

    Parameters are drawn per image from torch's generator, so a seed makes them reproducible. Pixels that move in from
    outside the image are filled by reflection at its border. Set a factor to 0 (a flip to False) to switch it off; with
    all of them off, images pass unchanged.

    Args:
        translation_factor: largest shift as a fraction of height and width; a pair is (vertical, horizontal).
        vertical_flip: flip an image upside down with probability 0.5.
        horizontal_flip: mirror an image with probability 0.5. Set it to False where a mirror image means something
            else, as with digits.
        rotation_factor: largest rotation in either direction as a fraction of a full turn; a pair is (lowest, highest),
            anticlockwise.
        zoom_factor: largest change of size as a fraction, with the aspect ratio kept; a pair is (vertical, horizontal),
            each drawn independently.
        contrast_factor: largest change of contrast as a fraction; a pair is (decrease, increase).

    Shape: (B, C, H, W) -> (B, C, H, W)

    Raises:
        ConfigError: a factor is neither a fraction nor a pair of fractions.
        GraphError: called on something that is not an image.

    >>> ImageAugmentation(0.1, False, True, 0.0, 0.0, (0.2, 0.1)).contrast_factor
    (0.2, 0.1)
    """

    translation_factor: Factor = searched(OneOf(0.0, 0.05, 0.1), other_types=_PAIR)
    vertical_flip: bool | Space | None = searched(OneOf(False, True))
    horizontal_flip: bool | Space | None = searched(OneOf(False, True))
    rotation_factor: Factor = searched(OneOf(0.0, 0.02, 0.05, 0.1), other_types=_PAIR)
    zoom_factor: Factor = searched(OneOf(0.0, 0.05, 0.1, 0.2), other_types=_PAIR)
    contrast_factor: Factor = searched(OneOf(0.0, 0.1, 0.2), other_types=_PAIR)

    def check(self) -> Iterable[str]:
        """Checks that factors are fractions or pairs of fractions."""
        for name in ("translation_factor", "rotation_factor", "zoom_factor", "contrast_factor"):
            value = getattr(self, name)
            if value is None or isinstance(value, Space):
                continue
            low = -1 if name == "rotation_factor" else 0
            pair = _pair(value)
            if pair is None or not all(low <= factor < 1 for factor in pair):
                yield f"{name} must be at least {low} and below 1, or a pair of such numbers, got {value!r}."
            elif name == "rotation_factor" and pair[0] > pair[1]:
                yield f"rotation_factor must be a number or a pair (lowest, highest), got {value!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Flips and small shifts of colour images of at least 32 pixels; shifts of others by at most a tenth."""
        if not specs or specs[0].axes != "CHW":
            return {}
        is_photo = is_photograph(specs[0])
        return {"translation_factor": 0.05 if is_photo else 0.1, "horizontal_flip": is_photo, "vertical_flip": False}

    def build(self, *specs: Spec) -> nn.Module:
        """Builds the augmentation module."""
        from medley.nn.augment import Augment

        image_size(specs[0], "ImageAugmentation")
        rotation, zoom = self.rotation_factor, self.zoom_factor
        return Augment(
            translation=_as_pair(self.translation_factor),
            vertical_flip=bool(self.vertical_flip),
            horizontal_flip=bool(self.horizontal_flip),
            rotation=(-rotation, rotation) if isinstance(rotation, int | float) else _as_pair(rotation),
            zoom=_as_pair(zoom),
            same_zoom=isinstance(zoom, int | float),
            contrast=_as_pair(self.contrast_factor),
        )

    def out(self, *specs: Spec) -> Spec:
        """The input's spec, unchanged."""
        image_size(specs[0], "ImageAugmentation")
        return specs[0]


def is_photograph(spec: Spec) -> bool:
    """Whether images have the size and the channels of photographs, for which a mirror image means the same.

    >>> is_photograph(Spec((3, 48, 48), "CHW")), is_photograph(Spec((1, 48, 48), "CHW"))
    (True, False)
    """
    return spec.axes == "CHW" and spec.shape[0] == 3 and min(spec.shape[1:]) >= _PHOTO_SIDE


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pair(value: Any) -> tuple[float, float] | None:
    if _is_number(value):
        return float(value), float(value)
    if isinstance(value, _PAIR) and len(value) == 2 and all(map(_is_number, value)):
        return float(value[0]), float(value[1])
    return None


def _as_pair(value: Any) -> tuple[float, float]:
    pair = _pair(value)
    assert pair is not None, value
    return pair
