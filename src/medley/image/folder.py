"""Images and labels from a folder with one subfolder per class."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from medley.core.arguments import check_fraction
from medley.data.datasets import LabelledDataset
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean
from medley.image.codec import ImageCodec

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


class ImageDataset(LabelledDataset):
    """Images and labels."""

    column = "image"


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    batch_size: int = 32,
    color_mode: str = "rgb",
    image_size: tuple[int, int] | None = (256, 256),
    interpolation: str = "bilinear",
    shuffle: bool = True,  # noqa: FBT001, FBT002  (the signature of Keras)
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
) -> ImageDataset:
    """Reads `directory/<label>/<image>` into images and labels, which `fit` takes whole or as `fit(x, y)`.

    The same as in AutoKeras 1.x, except that it returns arrays, not a `tf.data.Dataset`; batches are made by `fit`.

    Args:
        directory: the folder; each subfolder is a class and is searched recursively.
        batch_size: accepted for compatibility, without effect; pass it to `fit`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        image_size: height and width; None returns paths, which `ImageInput` reads and resizes itself.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
        shuffle: shuffle the rows, always in the same order for one seed, so that the two subsets do not overlap;
            otherwise they are sorted by label and name.
        seed: of the shuffle; 0 if unset.
        validation_split: fraction of the rows in the validation subset, taken from the end.
        subset: `"training"` or `"validation"`, if there is a split.

    Returns:
        A pair of images (B, H, W, C) uint8 (paths (B,) where `image_size` is None) and labels (B,), the folders' names.

    Raises:
        ConfigError: an argument is invalid.
        DataError: the folder does not exist or holds no images, or some cannot be read.
    """
    _check_arguments(color_mode, image_size, interpolation, validation_split, subset)
    paths, labels = _list_files(Path(directory))
    order = np.random.default_rng(seed or 0).permutation(len(paths)) if shuffle else np.arange(len(paths))
    if validation_split:
        cut = len(paths) - int(len(paths) * validation_split)
        order = order[:cut] if subset == "training" else order[cut:]
    files, names = [paths[i] for i in order], np.array([labels[i] for i in order], dtype=str)
    if image_size is None:
        return ImageDataset(np.array(files, dtype=str), names)
    state = {"channels": _CHANNELS[color_mode], "depth": "byte", "interpolation": interpolation}
    codec = ImageCodec(on_bad_file="raise").restore({"size": image_size, **state})
    return ImageDataset(codec.encode(files).array.transpose(0, 2, 3, 1), names)


def _check_arguments(
    color_mode: str,
    image_size: tuple[int, int] | None,
    interpolation: str,
    validation_split: float | None,
    subset: str | None,
) -> None:
    errors = ErrorCollector()
    choices = (("color_mode", color_mode, tuple(_CHANNELS)), ("interpolation", interpolation, _INTERPOLATIONS))
    for name, value, options in choices:
        if value not in options:
            errors.add(f"{name} must be one of {_quoted(options)}, got {value!r}.{did_you_mean(value, options)}")
    if image_size is not None and (len(image_size) != 2 or min(image_size) < 1):
        errors.add(f"image_size must be (height, width), got {image_size!r}.")
    if validation_split is not None:
        check_fraction(errors, validation_split, "validation_split")
    if (subset is None) != (validation_split is None):
        errors.add(f"Set both validation_split and subset or neither, got {validation_split!r} and {subset!r}.")
    if subset not in (None, "training", "validation"):
        errors.add(f"subset must be 'training' or 'validation', got {subset!r}.")
    errors.raise_if_any(ConfigError)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _list_files(directory: Path) -> tuple[list[str], list[str]]:
    if not directory.is_dir():
        raise DataError(f"There is no folder {str(directory)!r}.")
    paths, labels = [], []
    for folder in sorted(path for path in directory.iterdir() if path.is_dir()):
        files = sorted(str(file) for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
        paths += files
        labels += [folder.name] * len(files)
    if not paths:
        raise DataError(
            f"The folder {str(directory)!r} holds no images. Put them into one folder per class below it, "
            f"as files that end in {', '.join(_SUFFIXES)}."
        )
    return paths, labels
