"""The image format that a pretrained model expects: size, mean and standard deviation, read from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medley.errors import warn

if TYPE_CHECKING:
    from medley.nn.hub import ModelFiles

_FILES = ("preprocessor_config.json", "processor_config.json")
_METHODS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class ImageFormat:
    """The images that a model expects.

    Args:
        size: height and width.
        mean: per channel, of pixels from 0 to 1.
        std: likewise.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str


def read_image_format(files: ModelFiles, config: Mapping[str, Any]) -> ImageFormat:
    """Reads the image format from a model's files.

    Args:
        files: of the model.
        config: of its encoder.

    Warns:
        MedleyWarning: the files do not specify it; images are then normalised as those of ImageNet.
    """
    channels = int(config.get("num_channels") or 3)
    contents = (files.json(name) for name in _FILES)
    processor = next((content for content in contents if content is not None), None)
    processor = (processor or {}).get("image_processor") or processor
    if config["model_type"] == "timm":
        mean, std = tuple(config["image_mean"]), tuple(config["image_std"])
        return ImageFormat(_pair(config["image_size"], 224), mean, std, str(config["interpolation"]))
    if processor is None:
        warn(
            f"{files.folder} contains no {_FILES[0]}, so images are normalised as those of ImageNet; if the model was "
            "trained with another normalisation, add that file."
        )
        mean, std = (_IMAGENET[0] * channels)[:channels], (_IMAGENET[1] * channels)[:channels]
        return ImageFormat(_pair(config.get("image_size"), 224), mean, std, "bilinear")
    mean, std = _normalisation(processor, channels)
    size = processor.get("crop_size") if processor.get("do_center_crop") else None
    method = _METHODS.get(processor.get("resample", 2), "bilinear")
    return ImageFormat(_pair(size or processor.get("size"), config.get("image_size") or 224), mean, std, method)


def _normalisation(processor: Mapping[str, Any], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of pixels from 0 to 1."""
    mean, std = [0.0] * channels, [1.0] * channels
    if processor.get("do_normalize", True):
        mean = _per_channel(processor.get("image_mean"), 0.5, channels)
        std = _per_channel(processor.get("image_std"), 0.5, channels)
    if processor.get("include_top"):  # EfficientNet divides by the standard deviation twice
        std = [value * value for value in std]
    # The model's own processor starts from pixels from 0 to 255.
    scale = 255 * float(processor.get("rescale_factor") or 1 / 255) if processor.get("do_rescale", True) else 255.0
    return tuple(value / scale for value in mean), tuple(value / scale for value in std)


def _per_channel(value: Any, default: float, channels: int) -> list[float]:
    if isinstance(value, list | tuple) and len(value) == channels:
        return [float(number) for number in value]
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
