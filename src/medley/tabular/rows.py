"""Reads tables of any format into columns: one array per column, and their names if there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np

from medley.core.row_reporting import row_number
from medley.errors import DataError

FORMATS = "a 2-D array, a DataFrame, a dict of columns, a list of rows, or one column as a 1-D array"
_NUMBERS = (int, float, np.integer, np.floating)


@dataclass(frozen=True)
class TableRows:
    """A table, column by column.

    Args:
        size: number of rows B.
        columns: one array (B,) per column, of any dtype.
        names: the names of the columns, or None if the format has none.
        categories: positions of the columns with a categorical dtype.
        integer_names: whether the names are integers, which frames have by default.
        nothing: whether all rows are None, so that the columns are unknown.
    """

    size: int
    columns: list[np.ndarray]
    names: list[str] | None = None
    categories: frozenset[int] = frozenset()
    integer_names: bool = False
    nothing: bool = False


def read_rows(values: Any) -> TableRows:
    """Reads a table of any format.

    Args:
        values: a 2-D array, a 1-D array or series (one column), a frame of pandas or of any library with the Arrow
            interface, a dict of columns, a list of rows (lists, tuples or dicts; None is a row without cells), or a
            list of cells (one column).

    Returns:
        The columns.

    Raises:
        DataError: the format is none of these, or rows or columns have different lengths.

    >>> read_rows({"age": [3, None], "sex": ["f", "m"]}).names
    ['age', 'sex']
    >>> len(read_rows([[1, "a"], [2, "b"], None]).columns)
    2
    """
    if hasattr(values, "iloc"):
        return _series(values) if hasattr(values, "to_frame") else _frame(values)
    if isinstance(values, Mapping):
        return _mapping(values)
    if hasattr(values, "__arrow_c_stream__") and hasattr(values, "columns"):
        import pyarrow

        return _frame(pyarrow.table(values).to_pandas())
    if isinstance(values, list | tuple):
        return _list(values)
    return _array(values)


def _array(values: Any) -> TableRows:
    if isinstance(values, np.ma.MaskedArray):
        mask, values = np.ma.getmaskarray(values), values.data.astype(object)
        values[mask] = None
    array = np.asarray(values)
    if array.dtype.names:
        return _mapping({name: array[name] for name in array.dtype.names})
    if array.ndim == 1:
        return TableRows(len(array), [column_of(array)])
    if array.ndim != 2:
        raise DataError(f"A table is {FORMATS}; got {type(values).__name__} of shape {array.shape}.")
    return TableRows(len(array), [column_of(array[:, position]) for position in range(array.shape[1])])


def _frame(frame: Any) -> TableRows:
    labels = list(frame.columns)
    columns = [_unwrap(frame.iloc[:, position]) for position in range(len(labels))]
    categories = frozenset(position for position, dtype in enumerate(frame.dtypes) if str(dtype) == "category")
    has_integer_names = all(isinstance(label, int | np.integer) for label in labels)
    return TableRows(len(frame), columns, _unique(labels), categories, has_integer_names)


def _series(series: Any) -> TableRows:
    categories = frozenset([0]) if str(series.dtype) == "category" else frozenset()
    return TableRows(len(series), [_unwrap(series)], None if series.name is None else [str(series.name)], categories)


def _mapping(columns: Mapping[Any, Any]) -> TableRows:
    arrays = [column_of(column) for column in columns.values()]
    names = _unique(list(columns))
    lengths = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise DataError(f"The columns of a table must have equal lengths, got {listed}.")
    dtypes = [getattr(column, "dtype", None) for column in columns.values()]
    categories = frozenset(
        position for position, dtype in enumerate(dtypes) if type(dtype).__name__ == "CategoricalDtype"
    )
    has_integer_names = all(isinstance(name, int | np.integer) for name in columns)
    return TableRows(len(arrays[0]) if arrays else 0, arrays, names, categories, has_integer_names)


def _list(rows: Sequence[Any]) -> TableRows:
    first = next((row for row in rows if row is not None), None)
    if first is None:
        return TableRows(len(rows), [], nothing=True)
    if isinstance(first, Mapping):
        return _records(rows)
    if isinstance(first, np.ndarray):
        if first.ndim != 1:
            raise DataError(f"A table is {FORMATS}; got a list whose rows have shape {first.shape}.")
        rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]
        first = first.tolist()
    if not isinstance(first, list | tuple):
        return TableRows(len(rows), [column_of(rows)])
    width = len(first)
    for position, row in enumerate(rows):
        if row is not None and (not isinstance(row, list | tuple) or len(row) != width):
            value = f"{len(row)} cells" if isinstance(row, list | tuple) else repr(row)
            raise DataError(
                f"Row {row_number(position)} of a table must have {width} cells like the first, got {value}."
            )
    full = [(None,) * width if row is None else row for row in rows]
    return TableRows(len(rows), [column_of([row[position] for row in full]) for position in range(width)])


def _records(rows: Sequence[Any]) -> TableRows:
    labels: dict[Any, None] = {}
    for position, row in enumerate(rows):
        if row is not None and not isinstance(row, Mapping):
            raise DataError(f"Row {row_number(position)} of a table must be a dict like the first, got {row!r}.")
        labels.update(dict.fromkeys(row or ()))
    return _mapping({label: [(row or {}).get(label) for row in rows] for label in labels})


def column_of(cells: Any) -> np.ndarray:
    """Converts a column to an array (B,) of numbers, if all cells are numbers, else of objects or strings.

    Raises:
        DataError: the column has more than one axis.
    """
    if hasattr(cells, "iloc"):
        return _unwrap(cells)
    if isinstance(cells, list | tuple):
        return _as_array(cells)
    array = np.asarray(cells)
    if array.ndim != 1:
        raise DataError(f"A column has one value per row, got shape {array.shape}.")
    if array.dtype == object and str in set(map(type, array)):  # it stays as it is
        return array
    return _as_array(array.tolist()) if array.dtype.kind in "OT" else array


def _as_array(cells: Sequence[Any]) -> np.ndarray:
    # Only lists of one numeric type become numeric arrays: NumPy would convert True among numbers to 1, and 1 among
    # strings to "1", and columns of categories could not be recognised.
    kinds = set(map(type, cells))
    if kinds == {bool} or (kinds and all(issubclass(kind, _NUMBERS) and kind is not bool for kind in kinds)):
        array = np.asarray(cells)
        if array.dtype.kind in "biuf":  # integers of more than 64 bits have dtype object
            return array
    if kinds == {float, NoneType}:
        return np.asarray(cells, dtype=np.float64)
    return np.fromiter(cells, dtype=object, count=len(cells))


def _unwrap(series: Any) -> np.ndarray:
    """Converts a pandas series to an array; missing cells become NaN, NaT or None, but not NA."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        array = series.to_numpy()
        return _as_array(array.tolist()) if array.dtype.kind == "O" else array
    kind = getattr(dtype, "kind", "O")
    if str(dtype) == "category":
        return _as_array(series.astype(object).to_numpy(na_value=None).tolist())
    if kind in "iuf":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "M":
        return series.to_numpy(dtype="datetime64[ns]")
    return _as_array(series.to_numpy(dtype=object, na_value=None).tolist())


def _unique(labels: Sequence[Any]) -> list[str]:
    names = [str(label) for label in labels]
    if len(set(names)) < len(names):
        duplicates = sorted({name for name in names if names.count(name) > 1})
        raise DataError(
            f"The columns of a table must have different names, got {', '.join(map(repr, duplicates))} twice."
        )
    return names
