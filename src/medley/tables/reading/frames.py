"""Tables in memory, of any library, as frames of pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_FORMS = (
    "the path of a file or folder, a frame of pandas, polars, Arrow or DuckDB, a dict of columns, or a list of dicts"
)


def from_memory(table: Any) -> pd.DataFrame:
    """A frame of any library, a dict of columns or a list of dicts as a DataFrame of pandas.

    Raises:
        DataError: it is none of these, its columns differ in length, or it has no row.

    >>> from_memory([{"age": 3}, {"age": 5}])["age"].tolist()
    [3, 5]
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, Mapping):
        return _columns(table)
    if isinstance(table, list | tuple) and table and all(isinstance(row, Mapping) or row is None for row in table):
        return pd.DataFrame([row or {} for row in table])
    if isinstance(table, np.ndarray) and table.dtype.names:
        return _columns({name: table[name] for name in table.dtype.names})
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        import pyarrow

        try:
            return from_arrow(pyarrow.table(table))
        except (TypeError, ValueError):  # one column, a schema: Arrow, but no table
            pass
    raise _no_table(table)


def _no_table(table: Any) -> DataError:
    told = type(table).__name__
    if isinstance(table, list | tuple) and not table:
        return DataError("The table holds no rows: an empty list.")
    if hasattr(table, "collect"):
        return DataError(f"The table is a {told}, whose rows are not there yet: pass table.collect().")
    shape = getattr(table, "shape", None)
    if shape is not None:
        one = hasattr(table, "to_frame")
        way = "one row is row.to_frame().T" if one else "give its columns names: pandas.DataFrame(table, columns=[...])"
        return DataError(f"A table has named columns, got a {told} of shape {tuple(shape)}; {way}.")
    return DataError(f"A table is {_FORMS}; got a {told}.")


def _columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    import pandas as pd

    lone = [name for name, cells in columns.items() if isinstance(cells, str | bytes) or not hasattr(cells, "__len__")]
    if lone:
        raise DataError(
            f"A dict is a table of columns, each a list of cells, but {lone[0]!r} is {columns[lone[0]]!r}; "
            "one row is a list of one dict: [{...}]."
        )
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r}: {length}" for name, length in lengths.items())
        raise DataError(f"All columns of a table must have the same number of rows, got {told}.")
    return pd.DataFrame({name: _column(cells) for name, cells in columns.items()})


def _column(cells: Any) -> Any:
    import pandas as pd

    if hasattr(cells, "detach"):
        cells = cells.detach().cpu().numpy()
    if hasattr(cells, "iloc"):
        return cells.reset_index(drop=True)  # columns are put together by position
    if hasattr(cells, "to_pandas"):
        return cells.to_pandas()
    if isinstance(cells, np.ndarray) and cells.ndim > 1:  # images or vectors: one per row
        cells = list(cells)
    return pd.Series(cells)


def from_arrow(table: Any) -> pd.DataFrame:
    """A table of Arrow as a DataFrame: every column of it is a column, also those that pandas made of an index."""
    frame = table.to_pandas(date_as_object=False)
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(named).reset_index(drop=True) if named else frame.reset_index(drop=True)
