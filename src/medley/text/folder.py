"""Reads a folder with one subfolder of text files per class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from medley.core.arguments import check_fraction, check_whole_number
from medley.data.datasets import LabelledDataset
from medley.errors import ConfigError, DataError, ErrorCollector

_SUFFIX = ".txt"


class TextDataset(LabelledDataset):
    """Texts and labels."""

    column = "text"


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    batch_size: int = 32,
    max_length: int | None = None,
    shuffle: bool = True,  # noqa: FBT001, FBT002  (position and name as in AutoKeras)
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
) -> TextDataset:
    """Reads `directory/<label>/<text>.txt` into rows and labels, which `fit` takes whole or as `fit(x, y)`.

    The arguments are those of AutoKeras 1.x. It returns arrays instead of a `tf.data.Dataset`; `fit` batches the rows,
    and `batch_size` is accepted for compatibility only.

    Args:
        directory: the folder; each of its subfolders is a class and is searched recursively. Files are read as UTF-8;
            invalid bytes become the replacement character.
        batch_size: has no effect here; pass it to `fit`.
        max_length: maximum number of characters per text; None keeps all.
        shuffle: shuffle the rows. The order is reproducible for a seed, so that the two subsets never overlap.
            Otherwise rows are sorted by label and file name.
        seed: seed of the order; default: 0.
        validation_split: fraction of rows in the validation subset, taken from the end.
        subset: `"training"` or `"validation"`; required with `validation_split`.

    Returns:
        A pair of texts (B,), an object array of strings, and labels (B,), the names of the subfolders.

    Raises:
        ConfigError: an argument is invalid.
        DataError: the folder does not exist, or contains no texts.
    """
    _check(max_length, validation_split, subset)
    files, labels = _list_files(Path(directory))
    order = np.random.default_rng(seed or 0).permutation(len(files)) if shuffle else np.arange(len(files))
    if validation_split:
        cut = len(files) - int(len(files) * validation_split)
        order = order[:cut] if subset == "training" else order[cut:]
    texts = np.empty(len(order), object)
    texts[:] = [files[i].read_text("utf-8", errors="replace")[:max_length] for i in order]
    return TextDataset(texts, np.array([labels[i] for i in order], dtype=str))


def _check(max_length: int | None, validation_split: float | None, subset: str | None) -> None:
    errors = ErrorCollector()
    check_whole_number(errors, max_length, "max_length")
    if validation_split is not None:
        check_fraction(errors, validation_split, "validation_split")
    if (subset is None) != (validation_split is None):
        errors.add(f"validation_split and subset must be set together, got {validation_split!r} and {subset!r}.")
    if subset not in (None, "training", "validation"):
        errors.add(f"subset must be 'training' or 'validation', got {subset!r}.")
    errors.raise_if_any(ConfigError)


def _list_files(directory: Path) -> tuple[list[Path], list[str]]:
    if not directory.is_dir():
        raise DataError(f"There is no folder {str(directory)!r}.")
    files: list[Path] = []
    labels: list[str] = []
    for folder in sorted(path for path in directory.iterdir() if path.is_dir()):
        texts = sorted(file for file in folder.rglob("*") if file.suffix.lower() == _SUFFIX)
        files += texts
        labels += [folder.name] * len(texts)
    if not files:
        raise DataError(
            f"The folder {str(directory)!r} contains no texts: it needs one subfolder per class with files that end in "
            f"{_SUFFIX}."
        )
    return files, labels
