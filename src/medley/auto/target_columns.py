"""Tables in files, and targets that are columns of the table."""

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
    """Reads a table where `rows` is a path; gives back anything else as it is.

    Args:
        rows: the path of a file that `tables.reading.read.read` knows (CSV, also packed; Parquet; ...) or of a
            folder of them, or a table of any form.

    Raises:
        DataError: there is no such file, or it holds no table.

    >>> read_table({"age": [3]})
    {'age': [3]}
    """
    return read(rows).frame if isinstance(rows, str | PathLike | Query | TableFiles) else rows


def split_target(x: Any, y: Any) -> tuple[Any, Any]:
    """A table and its target, where the table may be a file and the target the name of a column.

    Args:
        x: as `read_table`.
        y: labels; or, where `x` has named columns, the name of the column that holds them, or a list of such names.

    Returns:
        The table without the target's columns, and the target: (B,) for one name, (B, K) for a list of K names.

    Raises:
        DataError: there is no such file or column, or a file came without the name of its target.

    >>> table, target = split_target({"age": [3, 5], "survived": [0, 1]}, "survived")
    >>> list(table.columns), target.tolist()
    (['age'], [0, 1])
    """
    is_file = isinstance(x, str | PathLike | Query | TableFiles)
    if y is None and is_file:
        raise DataError(f'y must name the column of {str(x)!r} that holds the target, as in fit("train.csv", "price").')
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
        target = target.apply(_whole)
    return frame.drop(columns=names), target[y] if isinstance(y, str) else target


def _target_names(table: Any, y: Any) -> list[str]:
    if isinstance(y, str):
        return [y]
    words = list(y) if isinstance(y, list | tuple) and all(isinstance(one, str) for one in y) else []
    # As many words as there are rows are labels.
    return words if words and _is_named(table) and len(words) != count(table) else []


def _is_named(table: Any) -> bool:
    return isinstance(table, Mapping) or hasattr(table, "columns")


def _frame(table: Any, y: Any) -> pd.DataFrame:
    if not _is_named(table):
        told = f"y={y!r} names a column, but x is a {type(table).__name__} without column names."
        raise DataError(f"{told} Pass the labels themselves, or x as a DataFrame or the path of a file.")
    return read(table).frame


def _whole(column: pd.Series) -> pd.Series:
    # Read from a file, whole numbers with a gap among them have become floats: labels come back as they were written.
    known = column.dropna()
    if column.dtype.kind != "f" or len(known) == len(column) or not (known % 1 == 0).all():
        return column
    return column.astype("Int64").astype(object).where(column.notna(), None)
