"""The codec of tables: finds columns by name or position, and encodes each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import Flag, Items, StateRules, require
from medley.core.shared_encodings import shared_encoding
from medley.core.spec import Spec
from medley.errors import ConfigError, DataError, NotFittedError, listing
from medley.tabular.cells import infer_reading
from medley.tabular.columns import COLUMN_RULE, CategoricalColumn, NumericColumn, encode_columns
from medley.tabular.rows import TableRows, read_rows


class TableCodec(Codec):
    """Rows of a table -> float32 (B, C): standardised numbers (NaN is missing) and codes (0 is missing).

    A row is present unless every cell of it is missing.

    Args:
        column_names: one name per column; a frame or dict has its own, of which these choose.
        column_types: name -> `"categorical"` or `"numerical"`; columns it does not name are told apart by
            themselves.

    >>> codec = TableCodec().fit({"age": [20, 40, None], "sex": ["f", "m", None]})
    >>> codec.encode({"sex": ["m", "?"], "age": [30, 40]}).array.tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """

    def __init__(
        self, column_names: Sequence[str] | None = None, column_types: Mapping[str, str] | None = None
    ) -> None:
        self.column_names = None if column_names is None else [str(name) for name in column_names]
        self.column_types = {str(name): kind for name, kind in (column_types or {}).items()}
        self.columns: list[NumericColumn | CategoricalColumn] = []
        self.named = False

    @property
    def spec(self) -> Spec:
        """C columns, described one by one."""
        if not self.columns:
            raise NotFittedError(_NOT_FITTED)
        return Spec((len(self.columns),), "C", columns=tuple(column.column for column in self.columns))

    def fit(self, values: Any) -> Self:
        """Learns the columns' names, kinds, means, deviations, bins and categories.

        Raises:
            DataError: the rows are no table, or a cell does not fit its column's type.
            ConfigError: the rows' columns are not those that were declared.
        """
        rows = read_rows(values)
        if rows.nothing or not rows.size or not rows.columns:
            raise DataError(f"A table needs rows and columns to learn from, got {rows.size} x {len(rows.columns)}.")
        rows = self._select_declared(rows)
        columns = self._learn_columns(rows)
        # Rows without any cell are absent, and do not count as rows with missing cells.
        present = _present(columns, rows.columns)
        if present.any() and not present.all():
            columns = self._learn_columns(replace(rows, columns=[cells[present] for cells in rows.columns]))
        self.columns, self.named = columns, rows.names is not None
        return self

    def encode(self, values: Any) -> Encoded:
        """Rows -> array (B, C) and present (B,). Named columns are found by name, others by position.

        Raises:
            DataError: a column is missing, the number of columns differs, or a cell cannot be read.
        """
        if not self.columns:
            raise NotFittedError(_NOT_FITTED)
        return shared_encoding(values, (self.named, self.columns), lambda: self._encode(values))

    def _encode(self, values: Any) -> Encoded:
        width = len(self.columns)
        rows = read_rows(values)
        if rows.nothing:
            return Encoded(np.zeros((rows.size, width), np.float32), np.zeros(rows.size, bool))
        array, missing = encode_columns(self.columns, self._cells_by_column(rows))
        absent = np.logical_and.reduce(missing, axis=1)
        array[absent] = 0
        return Encoded(array, ~absent)

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {"named": self.named, "columns": [column.state() for column in self.columns]}

    RULES = StateRules(named=Flag(), columns=Items(COLUMN_RULE, low=1))

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self.named, self.columns = values["named"], values["columns"]
        names = [column.name for column in self.columns]
        require(not self.named or len(set(names)) == len(names), "No two columns may have the same name.")
        return self

    def _learn_columns(self, rows: TableRows) -> list[NumericColumn | CategoricalColumn]:
        names = rows.names or [str(position) for position in range(len(rows.columns))]
        return [
            self._learn(name, cells, is_category=position in rows.categories)
            for position, (name, cells) in enumerate(zip(names, rows.columns, strict=True))
        ]

    def _learn(self, name: str, cells: np.ndarray, *, is_category: bool) -> NumericColumn | CategoricalColumn:
        if cells.dtype.kind == "c" or (cells.dtype == object and any(isinstance(cell, complex) for cell in cells)):
            raise DataError(f"Column {name!r} holds complex numbers; use one column for each of their two parts.")
        declared = self.column_types.get(name)
        reading = infer_reading(cells)
        if declared == "categorical" or (declared is None and (is_category or reading == "category")):
            return CategoricalColumn.learn(name, cells)
        return NumericColumn.learn(name, cells, "time" if reading == "time" else "number")

    def _select_declared(self, rows: TableRows) -> TableRows:
        """The declared columns with their names."""
        names = self.column_names
        self._check_types(names or rows.names)
        if names is None:
            return rows
        if _by_name(names, rows):
            positions = _positions(names, rows.names or ())
            categories = frozenset(new for new, old in enumerate(positions) if old in rows.categories)
            return TableRows(rows.size, [rows.columns[old] for old in positions], names, categories)
        if len(names) != len(rows.columns):
            raise ConfigError(f"Expect column_names to have length {len(rows.columns)} but got {len(names)}: {names}.")
        return TableRows(rows.size, rows.columns, names, rows.categories)

    def _check_types(self, names: list[str] | None) -> None:
        if self.column_types and names is None:
            raise ConfigError("column_names must be specified, if column_types is specified: these rows have no names.")
        unknown = [name for name in self.column_types if name not in (names or ())]
        if unknown:
            raise ConfigError(
                f"column_names and column_types are mismatched. column_types names {_list_names(unknown)}, "
                f"but the columns are {_list_names(names or ())}."
            )

    def _cells_by_column(self, rows: TableRows) -> list[np.ndarray]:
        names = [column.name for column in self.columns]
        if self.named and _by_name(names, rows):
            return [rows.columns[position] for position in _positions(names, rows.names or ())]
        if len(rows.columns) != len(names):
            raise DataError(
                f"The table must have the {len(names)} columns it was fitted with ({_list_names(names)}), "
                f"got {len(rows.columns)}. One row is a table too: [[...]]."
            )
        return rows.columns


_NOT_FITTED = "A table's columns are known once its codec is fitted; call fit first."


def _by_name(names: Sequence[str], rows: TableRows) -> bool:
    # Columns without names are numbered by frames; these numbers are names only if they were names in training rows.
    return rows.names is not None and not (rows.integer_names and set(names).isdisjoint(rows.names))


def _positions(required: Sequence[str], names: Sequence[str]) -> list[int]:
    positions = {name: position for position, name in enumerate(names)}
    missing = [name for name in required if name not in positions]
    if missing:
        similar = {name: get_close_matches(name, names, n=2) for name in missing}
        hints = [f"{name!r}" + (f" (near: {_list_names(similar[name])})" if similar[name] else "") for name in missing]
        raise DataError(f"The table lacks the column {listing(hints)}; it has {_list_names(names)}.")
    return [positions[name] for name in required]


def _list_names(names: Sequence[str]) -> str:
    listed = ", ".join(map(repr, names[:20]))
    return f"{listed}, and {len(names) - 20} more" if len(names) > 20 else listed


def _present(columns: Sequence[NumericColumn | CategoricalColumn], cells_by_column: Sequence[np.ndarray]) -> np.ndarray:
    absent = np.ones(len(cells_by_column[0]), bool)
    for column, cells in zip(columns, cells_by_column, strict=True):
        absent &= column.encode(cells)[1]
        if not absent.any():
            break
    return ~absent
