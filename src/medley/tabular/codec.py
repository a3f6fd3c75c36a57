"""Tables as arrays: columns found by name or by position, each encoded by what was learnt of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import Flag, Items, StateRules, require
from medley.core.spec import Spec
from medley.errors import ConfigError, DataError, NotFittedError
from medley.tabular.cells import tell_reading
from medley.tabular.columns import COLUMN_RULE, CategoricalColumn, NumericColumn
from medley.tabular.rows import Rows, read_rows


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
            raise NotFittedError("A table's columns are known once its codec is fitted; call fit first.")
        return Spec((len(self.columns),), "C", columns=tuple(one.column for one in self.columns))

    def fit(self, values: Any) -> Self:
        """Learns the columns' names, kinds, means, deviations, bins and categories.

        Raises:
            DataError: the rows are no table, or a cell does not fit its column's type.
            ConfigError: the rows' columns are not those that were declared.
        """
        rows = read_rows(values)
        if rows.nothing or not rows.size or not rows.columns:
            raise DataError(f"A table needs rows and columns to learn from, got {rows.size} x {len(rows.columns)}.")
        rows = self._named(rows)
        learnt = self._learnt(rows)
        # A row without any cell never reaches an encoder: what it lacks is not what present rows lack.
        present = _present(learnt, rows.columns)
        if present.any() and not present.all():
            learnt = self._learnt(replace(rows, columns=[cells[present] for cells in rows.columns]))
        self.columns, self.named = learnt, rows.names is not None
        return self

    def encode(self, values: Any) -> Encoded:
        """Rows -> array (B, C) and present (B,). Named columns are found by name, others by position.

        Raises:
            DataError: a column is missing, there is another number of them, or a cell does not fit its
                column.
        """
        width = self.spec.width
        rows = read_rows(values)
        if rows.nothing:
            return Encoded(np.zeros((rows.size, width), np.float32), np.zeros(rows.size, bool))
        array = np.empty((rows.size, width), np.float32)
        absent = np.ones(rows.size, bool)
        for place, (one, cells) in enumerate(zip(self.columns, self._arranged(rows), strict=True)):
            array[:, place], missing = one.encode(cells)
            absent &= missing
        array[absent] = 0
        return Encoded(array, ~absent)

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {"named": self.named, "columns": [one.state() for one in self.columns]}

    RULES = StateRules(named=Flag(), columns=Items(COLUMN_RULE, low=1))

    def restore(self, state: State) -> Self:
        """The inverse of `state`."""
        values = self.RULES.read(state)
        self.named, self.columns = values["named"], values["columns"]
        names = [column.name for column in self.columns]
        require(not self.named or len(set(names)) == len(names), "No two columns may have the same name.")
        return self

    def _learnt(self, rows: Rows) -> list[NumericColumn | CategoricalColumn]:
        names = rows.names or [str(place) for place in range(len(rows.columns))]
        return [
            self._learn(name, cells, told=place in rows.categories)
            for place, (name, cells) in enumerate(zip(names, rows.columns, strict=True))
        ]

    def _learn(self, name: str, cells: np.ndarray, *, told: bool) -> NumericColumn | CategoricalColumn:
        if cells.dtype.kind == "c" or (cells.dtype == object and any(isinstance(cell, complex) for cell in cells)):
            raise DataError(f"Column {name!r} holds complex numbers; give each of their two parts a column.")
        declared = self.column_types.get(name)
        reading = tell_reading(cells)
        if declared == "categorical" or (declared is None and (told or reading == "category")):
            return CategoricalColumn.learn(name, cells)
        return NumericColumn.learn(name, cells, "time" if reading == "time" else "number")

    def _named(self, rows: Rows) -> Rows:
        """The columns that were declared, under their names."""
        names = self.column_names
        self._check_types(names or rows.names)
        if names is None:
            return rows
        if _by_name(names, rows):
            places = _places(names, rows.names or ())
            told = frozenset(place for place, old in enumerate(places) if old in rows.categories)
            return Rows(rows.size, [rows.columns[old] for old in places], names, told)
        if len(names) != len(rows.columns):
            raise ConfigError(f"Expect column_names to have length {len(rows.columns)} but got {len(names)}: {names}.")
        return Rows(rows.size, rows.columns, names, rows.categories)

    def _check_types(self, names: list[str] | None) -> None:
        if self.column_types and names is None:
            raise ConfigError("column_names must be specified, if column_types is specified: these rows have no names.")
        strange = [name for name in self.column_types if name not in (names or ())]
        if strange:
            raise ConfigError(
                f"column_names and column_types are mismatched. column_types names {_told(strange)}, "
                f"but the columns are {_told(names or ())}."
            )

    def _arranged(self, rows: Rows) -> list[np.ndarray]:
        names = [one.name for one in self.columns]
        if self.named and _by_name(names, rows):
            return [rows.columns[place] for place in _places(names, rows.names or ())]
        if len(rows.columns) != len(names):
            raise DataError(
                f"The table must have the {len(names)} columns it was fitted with ({_told(names)}), "
                f"got {len(rows.columns)}. One row is a table too: [[...]]."
            )
        return rows.columns


def _by_name(wanted: Sequence[str], rows: Rows) -> bool:
    # A frame whose columns nobody named counts them; such numbers are names only where they were learnt as
    # names.
    return rows.names is not None and not (rows.integer_names and set(wanted).isdisjoint(rows.names))


def _places(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    place = {name: number for number, name in enumerate(names)}
    lost = [name for name in wanted if name not in place]
    if lost:
        near = {name: get_close_matches(name, names, n=2) for name in lost}
        hints = [f"{name!r}" + (f" (near: {_told(near[name])})" if near[name] else "") for name in lost]
        raise DataError(f"The table lacks the column {', '.join(hints)}; it has {_told(names)}.")
    return [place[name] for name in wanted]


def _told(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:20]))
    return f"{shown}, and {len(names) - 20} more" if len(names) > 20 else shown


def _present(learnt: Sequence[NumericColumn | CategoricalColumn], columns: Sequence[np.ndarray]) -> np.ndarray:
    absent = np.ones(len(columns[0]), bool)
    for one, cells in zip(learnt, columns, strict=True):
        absent &= one.encode(cells)[1]
        if not absent.any():
            break
    return ~absent
