"""Tables in files, and targets that are columns of the table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.data.forms import count
from medley.errors import DataError, Mistakes, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": ","}
_PACKED = (".gz", ".bz2", ".xz", ".zip", ".zst")


def read_table(rows: Any) -> Any:
    """Reads a table where `rows` is a path; gives back anything else as it is.

    Args:
        rows: the path of a CSV (also packed: `.csv.gz`), tab-separated or Parquet file with a line of column names, or
            a table of any form.

    Raises:
        DataError: there is no such file, or it holds no table.

    >>> read_table({"age": [3]})
    {'age': [3]}
    """
    if not isinstance(rows, str | PathLike):
        return rows
    path = Path(rows)
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.")
    endings = [one.lower() for one in path.suffixes if one.lower() not in _PACKED]
    ending = endings[-1] if endings else ""
    if ending not in (*_SEPARATORS, ".parquet"):
        known = ", ".join((*_SEPARATORS, ".parquet"))
        raise DataError(f"{str(path)!r}: files of tables end in {known}; read others yourself and pass a DataFrame.")
    return _read(path, ending)


def _read(path: Path, ending: str) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = pd.read_parquet(path) if ending == ".parquet" else _read_lines(path, _SEPARATORS[ending])
    except (ValueError, OSError) as error:  # pandas' own errors of parsing and decoding are ValueErrors
        raise DataError(f"{str(path)!r} cannot be read as a table: {error}") from error
    if frame.empty:
        raise DataError(f"{str(path)!r} holds no rows: its columns are {', '.join(map(repr, frame.columns))}.")
    return frame


def _read_lines(path: Path, separator: str) -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            # Without index_col, pandas takes surplus first cells for the rows' names and shifts the columns. In one
            # piece, because read bit by bit a column of numbers with a word far below gets cells of both types.
            return pd.read_csv(path, sep=separator, index_col=False, low_memory=False)
        except pd.errors.ParserWarning:
            raise ValueError("its rows have more cells than its first line has names.") from None


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
    is_file = isinstance(x, str | PathLike)
    if y is None and is_file:
        raise DataError(f'y must name the column of {str(x)!r} that holds the target, as in fit("train.csv", "price").')
    table = read_table(x)
    names = _target_names(table, y)
    if not names:
        return table, y
    frame = _frame(table, y)
    mistakes = Mistakes()
    for name in names:
        if name not in frame.columns:
            mistakes.add(f"The table has no column {name!r}.{did_you_mean(name, frame.columns)}")
    mistakes.stop(DataError)
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
    import pandas as pd

    if not _is_named(table):
        told = f"y={y!r} names a column, but x is a {type(table).__name__} without column names."
        raise DataError(f"{told} Pass the labels themselves, or x as a DataFrame or the path of a file.")
    if isinstance(table, Mapping):
        return pd.DataFrame(dict(table))
    if isinstance(table, pd.DataFrame):
        return table
    import pyarrow

    return pyarrow.table(table).to_pandas()


def _whole(column: pd.Series) -> pd.Series:
    # Read from a file, whole numbers with a gap among them have become floats: labels come back as they were written.
    known = column.dropna()
    if column.dtype.kind != "f" or len(known) == len(column) or not (known % 1 == 0).all():
        return column
    return column.astype("Int64").astype(object).where(column.notna(), None)
