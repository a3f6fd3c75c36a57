"""Tables of any form as columns: one array per column, and the caller's names where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.row_reporting import row_number
from medley.errors import DataError

FORMS = "a 2-D array, a DataFrame, a dict of columns, a list of rows, or one column as a 1-D array"
_NUMBERS = (int, float, np.integer, np.floating)


@dataclass(frozen=True)
class Rows:
    """A table, column by column.

    Args:
        size: number of rows B.
        columns: one array (B,) per column, of any dtype.
        names: the caller's names, or None where the form has none.
        categories: positions of the columns that the caller's own dtype calls categorical.
        integer_names: whether the names are whole numbers, as frames get where nobody named their columns.
        nothing: whether no row has a table at all (a list of None), so that the columns are unknown.
    """

    size: int
    columns: list[np.ndarray]
    names: list[str] | None = None
    categories: frozenset[int] = frozenset()
    integer_names: bool = False
    nothing: bool = False


def read_rows(values: Any) -> Rows:
    """Reads a table of any form.

    Args:
        values: a 2-D array (one row per row), a 1-D array or Series (one column), a DataFrame of pandas or of
            any library that speaks the Arrow interface, a dict of columns, a list of rows (lists, tuples or
            dicts; None is a row without a table), or a list of cells (one column).

    Returns:
        Its columns.

    Raises:
        DataError: it is none of these, or its rows or columns are of differing lengths.

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


def _array(values: Any) -> Rows:
    if isinstance(values, np.ma.MaskedArray):
        mask, values = np.ma.getmaskarray(values), values.data.astype(object)
        values[mask] = None
    array = np.asarray(values)
    if array.dtype.names:
        return _mapping({name: array[name] for name in array.dtype.names})
    if array.ndim == 1:
        return Rows(len(array), [column_of(array)])
    if array.ndim != 2:
        raise DataError(f"A table is {FORMS}; got {type(values).__name__} of shape {array.shape}.")
    return Rows(len(array), [column_of(array[:, place]) for place in range(array.shape[1])])


def _frame(frame: Any) -> Rows:
    labels = list(frame.columns)
    columns = [_unwrap(frame.iloc[:, place]) for place in range(len(labels))]
    told = frozenset(place for place, dtype in enumerate(frame.dtypes) if str(dtype) == "category")
    integer = all(isinstance(label, int | np.integer) for label in labels)
    return Rows(len(frame), columns, _unique(labels), told, integer)


def _series(series: Any) -> Rows:
    told = frozenset([0]) if str(series.dtype) == "category" else frozenset()
    return Rows(len(series), [_unwrap(series)], None if series.name is None else [str(series.name)], told)


def _mapping(columns: Mapping[Any, Any]) -> Rows:
    arrays = [column_of(column) for column in columns.values()]
    names = _unique(list(columns))
    lengths = {name: len(array) for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise DataError(f"The columns of a table must be equally long, got {told}.")
    dtypes = [str(getattr(column, "dtype", "")) for column in columns.values()]
    told = frozenset(place for place, dtype in enumerate(dtypes) if dtype == "category")
    integer = all(isinstance(name, int | np.integer) for name in columns)
    return Rows(len(arrays[0]) if arrays else 0, arrays, names, told, integer)


def _list(rows: Sequence[Any]) -> Rows:
    first = next((row for row in rows if row is not None), None)
    if first is None:
        return Rows(len(rows), [], nothing=True)
    if isinstance(first, Mapping):
        return _records(rows)
    if isinstance(first, np.ndarray):
        if first.ndim != 1:
            raise DataError(f"A table is {FORMS}; got a list whose rows have shape {first.shape}.")
        rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]
        first = first.tolist()
    if not isinstance(first, list | tuple):
        return Rows(len(rows), [column_of(rows)])
    width = len(first)
    for place, row in enumerate(rows):
        if row is not None and (not isinstance(row, list | tuple) or len(row) != width):
            told = f"{len(row)} cells" if isinstance(row, list | tuple) else repr(row)
            raise DataError(f"Row {row_number(place)} of a table must have {width} cells like the first, got {told}.")
    full = [(None,) * width if row is None else row for row in rows]
    return Rows(len(rows), [column_of([row[place] for row in full]) for place in range(width)])


def _records(rows: Sequence[Any]) -> Rows:
    labels: dict[Any, None] = {}
    for place, row in enumerate(rows):
        if row is not None and not isinstance(row, Mapping):
            raise DataError(f"Row {row_number(place)} of a table must be a dict like the first, got {row!r}.")
        labels.update(dict.fromkeys(row or ()))
    return _mapping({label: [(row or {}).get(label) for row in rows] for label in labels})


def column_of(cells: Any) -> np.ndarray:
    """One column as an array (B,): of numbers where all cells are, else of objects or strings.

    Raises:
        DataError: a column of more than one axis.
    """
    if hasattr(cells, "iloc"):
        return _unwrap(cells)
    if isinstance(cells, list | tuple):
        return _tight(cells)
    array = np.asarray(cells)
    if array.ndim != 1:
        raise DataError(f"A column has one value per row, got shape {array.shape}.")
    return _tight(array.tolist()) if array.dtype.kind in "OT" else array


def _tight(cells: Sequence[Any]) -> np.ndarray:
    # Only lists of one numeric type become plain arrays: NumPy would turn True among numbers into 1 and 1
    # among words into "1", and which columns are categories could no longer be told.
    kinds = set(map(type, cells))
    if kinds == {bool} or (kinds and all(issubclass(kind, _NUMBERS) and kind is not bool for kind in kinds)):
        array = np.asarray(cells)
        if array.dtype.kind in "biuf":  # whole numbers beyond 64 bits are not
            return array
    if kinds == {float, type(None)}:
        return np.asarray(cells, dtype=np.float64)
    return np.fromiter(cells, dtype=object, count=len(cells))


def _unwrap(series: Any) -> np.ndarray:
    """A pandas Series as an array: missing cells become NaN, NaT or None, never pandas' own NA."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        array = series.to_numpy()
        return _tight(array.tolist()) if array.dtype.kind == "O" else array
    kind = getattr(dtype, "kind", "O")
    if str(dtype) == "category":
        return _tight(series.astype(object).to_numpy(na_value=None).tolist())
    if kind in "iuf":
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if kind == "M":
        return series.to_numpy(dtype="datetime64[ns]")
    return _tight(series.to_numpy(dtype=object, na_value=None).tolist())


def _unique(labels: Sequence[Any]) -> list[str]:
    names = [str(label) for label in labels]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"Every column of a table needs a name of its own, got {', '.join(map(repr, twice))} twice.")
    return names
