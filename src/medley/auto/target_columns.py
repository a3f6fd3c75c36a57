"""Reads tables from files, and separates targets that are columns of the table."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from medley.data.rows import count
from medley.errors import DataError, ErrorCollector, did_you_mean
from medley.tables.reading.files import TableFiles
from medley.tables.reading.read import read
from medley.tables.reading.sql import Query

if TYPE_CHECKING:
    import pandas as pd


def read_table(rows: Any) -> Any:
    """Reads a table if `rows` is a path; returns anything else unchanged.

    Args:
        rows: the path of a file that `tables.reading.read.read` supports (CSV, also compressed; Parquet; ...) or of a
            folder of files, or a table of any form.

    Raises:
        DataError: the file does not exist, or does not contain a table.

    >>> read_table({"age": [3]})
    {'age': [3]}
    """
    return read(rows).frame if isinstance(rows, str | PathLike | Query | TableFiles) else rows


def split_target(x: Any, y: Any) -> tuple[Any, Any]:
    """Separates a table and its target; the table may be a file, and the target the name of a column.

    Args:
        x: as in `read_table`.
        y: labels; or, if `x` has named columns, the name of the target column, or a list of names.

    Returns:
        The table without the target columns, and the target: (B,) for one name, (B, K) for a list of K names.

    Raises:
        DataError: the file or column does not exist, or `x` is a file and `y` is missing.

    >>> table, target = split_target({"age": [3, 5], "survived": [0, 1]}, "survived")
    >>> list(table.columns), target.tolist()
    (['age'], [0, 1])
    """
    is_file = isinstance(x, str | PathLike | Query | TableFiles)
    if y is None and is_file:
        raise DataError(f'y must be the name of the target column of {str(x)!r}, as in fit("train.csv", "price").')
    table = read_table(x)
    names = _target_names(table, y)
    if not names:
        return table, y
    frame = _frame(table, y)
    errors = ErrorCollector()
    for name in names:
        if name not in frame.columns:
            errors.add(f"The table has no column {name!r}.{did_you_mean(name, frame.columns)}")
    errors.raise_if_any(DataError)
    target = frame[names]
    if is_file:
        target = target.apply(_restore_integers)
    return frame.drop(columns=names), target[y] if isinstance(y, str) else target


def _target_names(table: Any, y: Any) -> list[str]:
    if isinstance(y, str):
        return [y]
    names = list(y) if isinstance(y, list | tuple) and all(isinstance(name, str) for name in y) else []
    # If there are as many strings as rows, they are labels.
    return names if names and _has_column_names(table) and len(names) != count(table) else []


def _has_column_names(table: Any) -> bool:
    return isinstance(table, Mapping) or hasattr(table, "columns")


def _frame(table: Any, y: Any) -> pd.DataFrame:
    if not _has_column_names(table):
        raise DataError(
            f"y={y!r} names a column, but x is a {type(table).__name__} without column names. Pass the labels "
            "themselves, or x as a DataFrame or the path of a file."
        )
    return read(table).frame


def _restore_integers(column: pd.Series) -> pd.Series:
    # Integers with missing cells are read from a file as floats; labels must be predicted as they were written.
    present = column.dropna()
    if column.dtype.kind != "f" or len(present) == len(column) or not (present % 1 == 0).all():
        return column
    return column.astype("Int64").astype(object).where(column.notna(), None)
