"""A folder of folders of images as rows and labels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from medley.core.arguments import check_fraction
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean
from medley.image.codec import ImageCodec

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    batch_size: int = 32,
    color_mode: str = "rgb",
    image_size: tuple[int, int] | None = (256, 256),
    interpolation: str = "bilinear",
    shuffle: bool = True,  # noqa: FBT001, FBT002  (the place and the name that users know)
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Reads `directory/<label>/<image>` into rows and labels for `fit(x, y)`.

    Named as in AutoKeras 1.x, with one difference: it returns arrays, not a `tf.data.Dataset`, so that rows are batched
    by `fit`, and `batch_size` is taken only for the sake of programs that set it.

    Args:
        directory: the folder; each folder in it is a class, searched with all below it.
        batch_size: has no effect here; give it to `fit`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        image_size: height and width; None returns paths, which `ImageInput` reads and resizes by itself.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"` or `"lanczos"`.
        shuffle: in random order, the same each time for one seed (unset: 0), so that two subsets never overlap;
            else in the order of labels and names.
        seed: of the order.
        validation_split: share of rows that is the validation subset, the last ones.
        subset: `"training"` or `"validation"`, where there is a split.

    Returns:
        Images (B, H, W, C) uint8 (paths (B,) where `image_size` is None) and labels (B,), the folders' names.

    Raises:
        ConfigError: an argument breaks a rule.
        DataError: there is no such folder, it holds no image, or some cannot be read.
    """
    _check(color_mode, image_size, interpolation, validation_split, subset)
    paths, labels = _listing(Path(directory))
    order = np.random.default_rng(seed or 0).permutation(len(paths)) if shuffle else np.arange(len(paths))
    if validation_split:
        cut = len(paths) - int(len(paths) * validation_split)
        order = order[:cut] if subset == "training" else order[cut:]
    files, names = [paths[i] for i in order], np.array([labels[i] for i in order], dtype=str)
    if image_size is None:
        return np.array(files, dtype=str), names
    form = {"channels": _CHANNELS[color_mode], "depth": "byte", "interpolation": interpolation}
    codec = ImageCodec(on_bad_file="raise").restore({"size": image_size, **form})
    return codec.encode(files).array.transpose(0, 2, 3, 1), names


def _check(
    color_mode: str,
    image_size: tuple[int, int] | None,
    interpolation: str,
    validation_split: float | None,
    subset: str | None,
) -> None:
    errors = ErrorCollector()
    words = (("color_mode", color_mode, tuple(_CHANNELS)), ("interpolation", interpolation, _INTERPOLATIONS))
    for name, value, options in words:
        if value not in options:
            errors.add(f"{name} must be one of {_list(options)}, got {value!r}.{did_you_mean(value, options)}")
    if image_size is not None and (len(image_size) != 2 or min(image_size) < 1):
        errors.add(f"image_size must be (height, width), got {image_size!r}.")
    if validation_split is not None:
        check_fraction(errors, validation_split, "validation_split")
    if (subset is None) != (validation_split is None):
        errors.add(f"validation_split and subset go together, got {validation_split!r} and {subset!r}.")
    if subset not in (None, "training", "validation"):
        errors.add(f"subset must be 'training' or 'validation', got {subset!r}.")
    errors.raise_if_any(ConfigError)


def _list(words: Iterable[str]) -> str:
    return ", ".join(map(repr, words))


def _listing(directory: Path) -> tuple[list[str], list[str]]:
    if not directory.is_dir():
        raise DataError(f"There is no folder {str(directory)!r}.")
    paths, labels = [], []
    for folder in sorted(one for one in directory.iterdir() if one.is_dir()):
        found = sorted(str(file) for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
        paths += found
        labels += [folder.name] * len(found)
    if not paths:
        raise DataError(
            f"The folder {str(directory)!r} holds no images: they belong in one folder per class below it, "
            f"in files that end in {', '.join(_SUFFIXES)}."
        )
    return paths, labels
