"""A folder of folders of text files as rows and labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from medley.core.arguments import check_fraction
from medley.errors import ConfigError, DataError, ErrorCollector

_SUFFIX = ".txt"


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    batch_size: int = 32,
    max_length: int | None = None,
    shuffle: bool = True,  # noqa: FBT001, FBT002  (the place and the name that users know)
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Reads `directory/<label>/<text>.txt` into rows and labels for `fit(x, y)`.

    Named as in AutoKeras 1.x, with one difference: it returns arrays, not a `tf.data.Dataset`, so that rows are batched
    by `fit`, and `batch_size` is taken only for the sake of programs that set it.

    Args:
        directory: the folder; each folder in it is a class, searched with all below it. Files are UTF-8; what is not
            becomes the replacement character.
        batch_size: has no effect here; give it to `fit`.
        max_length: characters that are kept of each text; None keeps all.
        shuffle: in random order, the same each time for one seed (unset: 0), so that two subsets never overlap;
            else in the order of labels and names.
        seed: of the order.
        validation_split: share of rows that is the validation subset, the last ones.
        subset: `"training"` or `"validation"`, where there is a split.

    Returns:
        Texts (B,), objects that are strings, and labels (B,), the folders' names.

    Raises:
        ConfigError: an argument breaks a rule.
        DataError: there is no such folder, or it holds no text.
    """
    _check(max_length, validation_split, subset)
    files, labels = _listing(Path(directory))
    order = np.random.default_rng(seed or 0).permutation(len(files)) if shuffle else np.arange(len(files))
    if validation_split:
        cut = len(files) - int(len(files) * validation_split)
        order = order[:cut] if subset == "training" else order[cut:]
    texts = np.empty(len(order), object)
    texts[:] = [files[i].read_text("utf-8", errors="replace")[:max_length] for i in order]
    return texts, np.array([labels[i] for i in order], dtype=str)


def _check(max_length: int | None, validation_split: float | None, subset: str | None) -> None:
    errors = ErrorCollector()
    if max_length is not None and max_length < 1:
        errors.add(f"max_length must be a whole number from 1, got {max_length!r}.")
    if validation_split is not None:
        check_fraction(errors, validation_split, "validation_split")
    if (subset is None) != (validation_split is None):
        errors.add(f"validation_split and subset go together, got {validation_split!r} and {subset!r}.")
    if subset not in (None, "training", "validation"):
        errors.add(f"subset must be 'training' or 'validation', got {subset!r}.")
    errors.raise_if_any(ConfigError)


def _listing(directory: Path) -> tuple[list[Path], list[str]]:
    if not directory.is_dir():
        raise DataError(f"There is no folder {str(directory)!r}.")
    files: list[Path] = []
    labels: list[str] = []
    for folder in sorted(one for one in directory.iterdir() if one.is_dir()):
        found = sorted(file for file in folder.rglob("*") if file.suffix.lower() == _SUFFIX)
        files += found
        labels += [folder.name] * len(found)
    if not files:
        raise DataError(
            f"The folder {str(directory)!r} holds no texts: they belong in one folder per class below it, "
            f"in files that end in {_SUFFIX}."
        )
    return files, labels
