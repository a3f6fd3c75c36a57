"""Random changes of images in training."""

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


class ImageAugmentation(Layer, register="image.augmentation"):
    """Changes each training image by draws of its own; nothing is changed when predicting.

    The draws come from torch's generator, so a seed repeats them. What moves in from outside is the image mirrored at
    its edge. Set a factor to 0 (a flip to False) to leave it out; with all of them out, images pass as they are.

    Args:
        translation_factor: furthest shift as a share of height and width; a pair is (vertical, horizontal).
        vertical_flip: turn half of the images upside down.
        horizontal_flip: mirror half of the images. Leave it out where a mirror image means something else, as with
            digits.
        rotation_factor: furthest turn to either side as a share of a full turn; a pair is (lowest, highest),
            anticlockwise.
        zoom_factor: furthest change of size as a share, the aspect kept; a pair is (vertical, horizontal), drawn apart.
        contrast_factor: furthest change of contrast as a share; a pair is (downwards, upwards).

    Shape: (B, C, H, W) -> the same

    Raises:
        ConfigError: a factor is no share, or no pair of shares.
        GraphError: joined to something that is not an image.

    >>> ImageAugmentation(0.1, False, True, 0.0, 0.0, (0.2, 0.1)).contrast_factor
    (0.2, 0.1)
    """

    translation_factor: Factor = searched(OneOf(0.0, 0.05, 0.1), also=_PAIR)
    vertical_flip: bool | Space | None = searched(OneOf(False, True))
    horizontal_flip: bool | Space | None = searched(OneOf(False, True))
    rotation_factor: Factor = searched(OneOf(0.0, 0.02, 0.05, 0.1), also=_PAIR)
    zoom_factor: Factor = searched(OneOf(0.0, 0.05, 0.1, 0.2), also=_PAIR)
    contrast_factor: Factor = searched(OneOf(0.0, 0.1, 0.2), also=_PAIR)

    def check(self) -> Iterable[str]:
        """Factors are shares or pairs of shares."""
        for name in ("translation_factor", "rotation_factor", "zoom_factor", "contrast_factor"):
            value = getattr(self, name)
            if value is None or isinstance(value, Space):
                continue
            low = -1 if name == "rotation_factor" else 0
            pair = _pair(value)
            if pair is None or not all(low <= one < 1 for one in pair):
                yield f"{name} is a share from {low} to below 1, or a pair of such, got {value!r}."
            elif name == "rotation_factor" and pair[0] > pair[1]:
                yield f"rotation_factor is a pair (lowest, highest), got {value!r}."

    def suggest_defaults(self, specs: Sequence[Spec], summary: DataSummary) -> Mapping[str, Any]:
        """Small shifts of small images; of colour photographs, mirror images alone, which cost a short training least."""
        if not specs or specs[0].axes != "CHW":
            return {}
        channels, height, width = specs[0].shape
        photo = channels == 3 and min(height, width) >= 32
        return {"translation_factor": 0.0 if photo else 0.1, "horizontal_flip": photo, "vertical_flip": False}

    def build(self, *specs: Spec) -> nn.Module:
        """The module that draws and changes."""
        from medley.nn.augment import Augment

        image_size(specs[0], "ImageAugmentation")
        rotation, zoom = self.rotation_factor, self.zoom_factor
        return Augment(
            translation=_both(self.translation_factor),
            vertical_flip=bool(self.vertical_flip),
            horizontal_flip=bool(self.horizontal_flip),
            rotation=(-rotation, rotation) if isinstance(rotation, int | float) else _both(rotation),
            zoom=_both(zoom),
            same_zoom=isinstance(zoom, int | float),
            contrast=_both(self.contrast_factor),
        )

    def out(self, *specs: Spec) -> Spec:
        """As it comes."""
        image_size(specs[0], "ImageAugmentation")
        return specs[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pair(value: Any) -> tuple[float, float] | None:
    if _is_number(value):
        return float(value), float(value)
    if isinstance(value, _PAIR) and len(value) == 2 and all(map(_is_number, value)):
        return float(value[0]), float(value[1])
    return None


def _both(value: Any) -> tuple[float, float]:
    pair = _pair(value)
    assert pair is not None, value
    return pair
