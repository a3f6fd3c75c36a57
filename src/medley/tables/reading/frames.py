"""Conversion of in-memory tables of any library to pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.foreign_errors import as_data_error
from medley.core.garbage import uncollected
from medley.core.masked_arrays import unmasked
from medley.data.datasets import LabelledDataset
from medley.errors import DataError
from medley.tables.reading.sanitize import sanitized_cell, sanitized_cells

if TYPE_CHECKING:
    import pandas as pd

_FORMS = (
    "the path of a file or folder, several of them, a URL, a Query, a frame of pandas, polars, Arrow or DuckDB, a data "
    "set of Hugging Face, a dict of columns, or a list of dicts"
)


def from_memory(table: Any) -> pd.DataFrame:
    """Convert a frame of any library, a dict of columns or a list of dicts to a pandas DataFrame.

    Raises:
        DataError: it is none of these, its columns differ in length, or it has no rows.

    >>> from_memory([{"age": 3}, {"age": 5}])["age"].tolist()
    [3, 5]
    """
    with uncollected():
        import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, LabelledDataset):
        return _from_columns({table.column: table.x, "label": table.y})
    if isinstance(table, Mapping) and not _is_hugging_face(table):
        return _from_columns(table)
    if isinstance(table, list | tuple) and table and all(isinstance(row, Mapping) or row is None for row in table):
        return frame_of_rows([row or {} for row in table])
    if isinstance(table, np.ndarray) and table.dtype.names:
        return _from_columns({name: table[name] for name in table.dtype.names})
    if _is_hugging_face(table):
        return _from_hugging_face(table)
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        import pyarrow

        try:
            converted = pyarrow.table(table)
        except (TypeError, ValueError):  # Arrow, but not a table: one column, or a schema
            raise _not_a_table(table) from None
        with as_data_error("The table cannot be read"):
            return from_arrow(converted)
    raise _not_a_table(table)


def _not_a_table(table: Any) -> DataError:
    type_name = type(table).__name__
    if isinstance(table, list | tuple) and not table:
        return DataError("The table holds no rows: an empty list.")
    if hasattr(table, "collect"):
        return DataError(f"The table is a {type_name}, which has no rows before it is collected: pass table.collect().")
    shape = getattr(table, "shape", None)
    if shape is not None:
        is_series = hasattr(table, "to_frame")
        advice = (
            "one row is row.to_frame().T"
            if is_series
            else "give its columns names: pandas.DataFrame(table, columns=[...])"
        )
        return DataError(f"A table has named columns, got a {type_name} of shape {tuple(shape)}; {advice}.")
    return DataError(f"A table is {_FORMS}; got a {type_name}.")


def _from_columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    scalars = [
        name for name, cells in columns.items() if isinstance(cells, str | bytes) or not hasattr(cells, "__len__")
    ]
    if scalars:
        raise DataError(
            f"A dict is a table of columns, each a list of cells, but {scalars[0]!r} is a single "
            f"{type(columns[scalars[0]]).__name__}; "
            "one row is a list of one dict: [{...}]."
        )
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise DataError(f"All columns of a table must have the same number of rows, got {listed}.")
    series = {}
    for name, cells in columns.items():
        with as_data_error(f"Column {name!r} cannot be read"):
            series[name] = _to_series(cells)
    return pd.DataFrame(series)


def _to_series(cells: Any) -> Any:
    import pandas as pd

    cells = unmasked(cells)
    if hasattr(cells, "detach"):
        cells = cells.detach().cpu().numpy()
    if hasattr(cells, "iloc"):
        return cells.reset_index(drop=True)  # columns are aligned by position
    if hasattr(cells, "to_pandas"):
        return cells.to_pandas()
    if isinstance(cells, np.ndarray) and cells.ndim > 1:  # images or vectors, one per row
        cells = list(cells)
    try:
        return pd.Series(cells)
    except (ValueError, OverflowError):  # lone surrogates, or numbers that are too large
        return pd.Series(sanitized_cells(cells) or list(cells))


def frame_of_rows(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A frame of rows that are dicts; cells that are not in a dict are missing."""
    import pandas as pd

    try:
        return pd.DataFrame(rows)
    except (ValueError, OverflowError):
        return pd.DataFrame([{key: sanitized_cell(cell) for key, cell in row.items()} for row in rows])


def _is_hugging_face(table: Any) -> bool:
    """Whether a table is a data set of the package `datasets`: one split, several, or a stream."""
    return hasattr(table, "with_format") and type(table).__module__.split(".")[0] == "datasets"


def _from_hugging_face(dataset: Any) -> pd.DataFrame:
    if isinstance(dataset, Mapping):
        splits = ", ".join(map(repr, dataset))
        raise DataError(f"The table is a {type(dataset).__name__} of several splits ({splits}): pass one of them.")
    if not hasattr(dataset, "__len__"):
        name = type(dataset).__name__
        raise DataError(f"The table is an {name}, which has no rows before it is read: load it without streaming=True.")
    with as_data_error("The table cannot be read"):
        return from_arrow(dataset.with_format("arrow")[:])


def from_arrow(table: Any) -> pd.DataFrame:
    """Convert an Arrow table to a DataFrame; columns that pandas had stored as an index become columns again."""
    table = _with_signed_codes(table)
    names = table.column_names
    if len(set(names)) < len(names):  # the index that pandas had stored is not known by name
        plain = table.rename_columns(list(map(str, range(len(names))))).replace_schema_metadata(None)
        return plain.to_pandas(date_as_object=False).set_axis(names, axis=1)
    frame = table.to_pandas(date_as_object=False)
    index_names = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(index_names).reset_index(drop=True) if index_names else frame.reset_index(drop=True)


def _with_signed_codes(table: Any) -> Any:
    """Categories of polars with codes that every version of Arrow can convert."""
    import pyarrow

    for place, column in enumerate(table.schema):
        if pyarrow.types.is_dictionary(column.type) and pyarrow.types.is_unsigned_integer(column.type.index_type):
            signed = pyarrow.dictionary(pyarrow.int32(), column.type.value_type, column.type.ordered)
            table = table.set_column(place, column.name, table.column(place).cast(signed))
    return table


def like(frame: pd.DataFrame, table: Any) -> Any:
    """A frame of the library that a table is of: polars for polars, else pandas.

    >>> import pandas as pd
    >>> type(like(pd.DataFrame({"a": [1]}), {"a": [1]})).__module__.partition(".")[0]
    'pandas'
    """
    if type(table).__module__.partition(".")[0] != "polars":
        return frame
    import polars

    return polars.from_pandas(frame)
