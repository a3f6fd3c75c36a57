"""Rows as scikit-learn passes them (arrays, lists, frames) as frames with named columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_array

from medley.errors import DataError, listing
from medley.tables.reading.frames import from_memory

if TYPE_CHECKING:
    import pandas as pd


def frame_of(x: Any, estimator: Any = None) -> pd.DataFrame:
    """Rows as a frame; what is a table keeps its columns, the columns of an array are called x0, x1, ...

    Args:
        x: (B, C) array or list of lists; a frame of any library, a dict of columns, a list of dicts.
        estimator: named in errors.

    Raises:
        ValueError, TypeError: those of scikit-learn, for arrays that are sparse, complex, empty, not of two axes.
        DataError: it is a table that cannot be read.

    >>> frame_of([[1, 2.5], [3, 4.5]]).columns.tolist()
    ['x0', 'x1']
    """
    import pandas as pd

    if is_table(x):
        return from_memory(x)
    any_type: Any = None
    array = check_array(x, dtype=any_type, ensure_all_finite=False, estimator=estimator, input_name="X")
    return pd.DataFrame(array, columns=[f"x{number}" for number in range(array.shape[1])])


def is_table(x: Any) -> bool:
    """Whether rows have named columns.

    >>> is_table({"age": [3]}), is_table([[3]])
    (True, False)
    """
    if hasattr(x, "tocsr"):  # sparse matrices, some of which are dicts
        return False
    if isinstance(x, list | tuple):
        return bool(x) and all(isinstance(row, Mapping) for row in x)
    return isinstance(x, Mapping) or hasattr(x, "columns") or hasattr(x, "column_names")


def check_unique(frame: pd.DataFrame) -> None:
    """Checks that no two columns have one name.

    Raises:
        DataError: this is not so.
    """
    if not frame.columns.is_unique:
        twice = dict.fromkeys(frame.columns[frame.columns.duplicated()].tolist())
        raise DataError(f"Columns of X need names of their own, but several are called {listing(map(repr, twice))}.")


def number_columns(x: Any, frame: pd.DataFrame) -> list[str]:
    """The columns of an array of numbers, which are numbers whatever their values look like; none of a table."""
    return [] if is_table(x) or frame.empty or frame.dtypes.iloc[0].kind not in "iufb" else list(frame.columns)


def free_name(name: str, taken: Collection[str]) -> str:
    """A name that no column has.

    >>> free_name("y", ["x", "y"])
    'y_'
    """
    while name in taken:
        name += "_"
    return name


def output_names(y: Any, size: int, taken: Collection[str]) -> list[str]:
    """The names of target columns: those that `y` has, else y, or y0, y1, ...

    Args:
        y: targets, as they were passed.
        size: the number of targets.
        taken: names of other columns.
    """
    names: Sequence[Any] = list(y) if isinstance(y, Mapping) else list(getattr(y, "columns", ()))
    if not names:
        name = getattr(y, "name", None)
        names = [name or "y"] if size == 1 else [f"y{number}" for number in range(size)]
    free: list[str] = []
    for name in map(str, names):
        free.append(free_name(name, {*taken, *free}))
    return free


def checked_weights(sample_weight: Any, frame: pd.DataFrame) -> np.ndarray | None:
    """Sample weights (B,); None without any.

    Raises:
        ValueError: they are not one number of at least 0 per row, or all are 0.
    """
    if sample_weight is None:
        return None
    number: Any = np.float64
    weights = check_array(sample_weight, ensure_2d=False, dtype=number, input_name="sample_weight")
    if weights.shape != (len(frame),):
        raise ValueError(f"sample_weight must be one number per row ({len(frame)},), got shape {weights.shape}.")
    if (weights < 0).any():
        raise ValueError(f"sample_weight must not be negative, got {weights.min():g}.")
    if not weights.any():
        raise ValueError("sample_weight must contain a non-zero number: no row of weight zero is learned from.")
    return weights
