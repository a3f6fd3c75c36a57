"""Images as a pretrained model wants them: size, mean and deviation from its own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medley.errors import warn

if TYPE_CHECKING:
    from medley.nn.hub import Found

_FILES = ("preprocessor_config.json", "processor_config.json")
_METHODS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Image:
    """How a model wants its images.

    Args:
        size: height and width.
        mean: per channel, of values from 0 to 1.
        std: likewise.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str


def image_of(found: Found, config: Mapping[str, Any]) -> Image:
    """What a model's files say of its images.

    Args:
        found: its files.
        config: of its encoder.

    Warns:
        MedleyWarning: they say nothing; images are then normalised as those of ImageNet.
    """
    channels = int(config.get("num_channels") or 3)
    told = next((one for one in (found.json(name) for name in _FILES) if one is not None), None)
    told = (told or {}).get("image_processor") or told
    if config["model_type"] == "timm":
        mean, std = tuple(config["image_mean"]), tuple(config["image_std"])
        return Image(_pair(config["image_size"], 224), mean, std, str(config["interpolation"]))
    if told is None:
        warn(
            f"{found.folder} holds no {_FILES[0]}, so images are normalised as those of ImageNet; put the file "
            "beside its weights if it was trained otherwise."
        )
        mean, std = (_IMAGENET[0] * channels)[:channels], (_IMAGENET[1] * channels)[:channels]
        return Image(_pair(config.get("image_size"), 224), mean, std, "bilinear")
    mean, std = _normalisation(told, channels)
    size = told.get("crop_size") if told.get("do_center_crop") else None
    method = _METHODS.get(told.get("resample", 2), "bilinear")
    return Image(_pair(size or told.get("size"), config.get("image_size") or 224), mean, std, method)


def _normalisation(told: Mapping[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of values from 0 to 1."""
    mean, std = [0.0] * channels, [1.0] * channels
    if told.get("do_normalize", True):
        mean = _per_channel(told.get("image_mean"), 0.5, channels)
        std = _per_channel(told.get("image_std"), 0.5, channels)
    if told.get("include_top"):  # of EfficientNet: divided by the deviation a second time
        std = [one * one for one in std]
    # The model's own processor begins with values from 0 to 255.
    scale = 255 * float(told.get("rescale_factor") or 1 / 255) if told.get("do_rescale", True) else 255.0
    return tuple(one / scale for one in mean), tuple(one / scale for one in std)


def _per_channel(value: Any, default: float, channels: int) -> list[float]:
    if isinstance(value, list | tuple) and len(value) == channels:
        return [float(one) for one in value]
    return [float(value) if isinstance(value, int | float) else default] * channels


def _pair(size: Any, default: Any) -> tuple[int, int]:
    if isinstance(size, Mapping):
        if "height" in size:
            return int(size["height"]), int(size["width"])
        size = size.get("shortest_edge")
    if isinstance(size, list | tuple):
        return int(size[0]), int(size[-1])
    if isinstance(size, int):
        return size, size
    return _pair(default, 224)
