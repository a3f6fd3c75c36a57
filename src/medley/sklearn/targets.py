"""Targets as scikit-learn passes them: checks, and labels as indices of sorted classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, column_or_1d

from medley.sklearn.rows import is_table
from medley.tables.reading.frames import from_memory


def target_columns(y: Any, estimator: Any, *, numeric: bool = False) -> list[np.ndarray]:
    """The columns of targets, each (B,).

    Args:
        y: labels or numbers (B,), (B, 1) or (B, K), or a frame whose columns may differ in type.
        estimator: named in errors.
        numeric: whether they are to be numbers.

    Raises:
        ValueError: there are none, or cells are missing, infinite or of a wrong shape.
    """
    if is_table(y):
        frame = from_memory(y)
        if frame.shape[1] > 1:
            return [
                column for name in frame.columns for column in target_columns(frame[name], estimator, numeric=numeric)
            ]
    array = _checked(y, estimator, numeric=numeric)
    return [array] if array.ndim == 1 else list(array.T)


def _checked(y: Any, estimator: Any, *, numeric: bool) -> np.ndarray:
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")
    dtype: Any = np.float64 if numeric else None
    array = check_array(y, ensure_2d=False, dtype=dtype, estimator=estimator, input_name="y")
    return column_or_1d(array, warn=True) if array.ndim == 2 and array.shape[1] == 1 else array


def sorted_classes(labels: np.ndarray) -> np.ndarray:
    """The distinct labels (B,) of a target in ascending order.

    Raises:
        ValueError: some are texts and others numbers, which have no order.

    >>> sorted_classes(np.array(["b", "a", "b"])).tolist()
    ['a', 'b']
    """
    try:
        return np.unique(labels)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels.tolist()})
        message = f"Labels of a target must be of one type, got {' and '.join(kinds)}; pass all as text: y.astype(str)."
        raise ValueError(message) from error


def check_classes(classes: Sequence[np.ndarray], estimator: Any) -> None:
    """Checks that each target has two classes or more, which differ as text: cells of a table are stripped.

    Raises:
        ValueError: this is not so.
    """
    for labels in classes:
        if len(labels) < 2:
            name = type(estimator).__name__
            raise ValueError(f"{name} needs at least 2 classes, but y has 1 class: {labels.tolist()}.")
        texts = {_text(label) for label in labels.tolist()}
        if len(texts) < len(labels) or "" in texts:
            raise ValueError(f"Labels must differ in more than white space, and not be empty, got {labels.tolist()}.")


def class_indices(labels: Any, classes: np.ndarray) -> np.ndarray:
    """The positions (B,) of labels among classes.

    >>> class_indices(["b", "a"], np.array(["a", "b"]))
    array([1, 0])
    """
    position = {_text(label): index for index, label in enumerate(classes.tolist())}
    return np.array([position[_text(label)] for label in list(labels)], int)


def stacked(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Predictions (B,) of one target, or (B, K) of several; of objects where their types differ.

    >>> stacked([np.array([1, 2]), np.array(["a", "b"])]).tolist()
    [[1, 'a'], [2, 'b']]
    """
    if len(columns) == 1:
        return columns[0]
    is_mixed = len({column.dtype.kind for column in columns}) > 1
    return np.column_stack([column.astype(object) for column in columns] if is_mixed else columns)


def _text(label: Any) -> str:
    value = label.item() if hasattr(label, "item") else label
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
