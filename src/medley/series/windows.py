"""Codec of rows in order of time -> windows that end at each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.rules import MOST_STEPS, Flag, Items, Maybe, Real, StateRules, Text, Whole, require
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.series.array import read_numeric_rows
from medley.series.columns import MAX_CATEGORIES, SeriesColumn, as_numbers, missing_mask, read_columns, select_columns

MAX_DEFAULT_LOOKBACK = 16  # longest window if the caller sets no lookback


class WindowCodec(Codec):
    """Encodes a table (B, C) in order of time as windows (B, T, D), one per row, ending at that row.

    Numeric columns are standardised with statistics of the training rows and forward-filled; categorical columns are
    one-hot encoded. Steps before the first row repeat it.

    Values that already are sequences (B, T, C) are used as windows and only standardised.

    Args:
        lookback: T; None is 16, or a quarter of the training rows if that is less.
        column_names: of the columns of an array; a frame has its own.
        column_types: name -> `"categorical"` or `"numerical"`; other columns are inferred from their cells.

    >>> codec = WindowCodec(lookback=2).fit([[0.0], [1.0], [2.0]])
    >>> codec.encode([[0.0], [1.0]]).array[..., 0].round(1)
    array([[-1.2, -1.2],
           [-1.2,  0. ]], dtype=float32)
    """

    def __init__(
        self,
        lookback: int | None = None,
        column_names: Sequence[str] | None = None,
        column_types: Mapping[str, str] | None = None,
    ) -> None:
        self.lookback = lookback
        self.column_names = column_names
        self.column_types = column_types or {}
        self._columns: list[SeriesColumn] | None = None
        self._steps = 0
        self._has_windows = False

    @property
    def spec(self) -> Spec:
        """`(T, D)`."""
        return Spec((self._steps, sum(column.width for column in self._fitted())), "TD")

    def fit(self, values: Any) -> Self:
        self._has_windows = _are_windows(values)
        if self._has_windows:
            return self._fit_windows(values)
        columns = read_columns(values, self.column_names)
        rows = len(next(iter(columns.values()), ()))
        if rows == 0:
            raise DataError("A time series must have at least one row and one column, got none.")
        names = [str(name) for name in self.column_names or columns]
        cells = dict(zip(names, select_columns(columns, names), strict=True))
        self._check_types(names)
        self._columns = [
            _unfitted_column(name, column_cells, self.column_types.get(name)).fit(column_cells)
            for name, column_cells in cells.items()
        ]
        self._steps = self.lookback or max(1, min(MAX_DEFAULT_LOOKBACK, rows // 4))
        return self

    def _fit_windows(self, values: Any) -> Self:
        windows, present = read_numeric_rows(values, None)
        steps = windows[present].reshape(-1, windows.shape[2])
        self._columns = [SeriesColumn(str(i)).fit(cells) for i, cells in enumerate(steps.T)]
        self._steps = windows.shape[1]
        return self

    def _check_types(self, names: Sequence[str]) -> None:
        unknown = [name for name in self.column_types if name not in names]
        if unknown:
            raise DataError(
                f"column_names and column_types are mismatched. column_types names {unknown}, the columns are {names}."
            )

    def encode(self, values: Any) -> Encoded:
        columns = self._fitted()
        if self._has_windows:
            windows, present = read_numeric_rows(values, (self._steps, len(columns)))
            steps = [
                column.encode(cells) for column, cells in zip(columns, windows.reshape(-1, len(columns)).T, strict=True)
            ]
            array = np.concatenate(steps, 1).reshape(windows.shape)
            return Encoded(np.where(present[:, None, None], array, np.float32(0)), present)
        names = [column.name for column in columns]
        cells = select_columns(read_columns(values, names), names)
        steps = np.concatenate(
            [column.encode(column_cells) for column, column_cells in zip(columns, cells, strict=True)], 1
        )
        present = ~np.logical_and.reduce([missing_mask(column_cells) for column_cells in cells])
        ends = np.arange(len(steps))[:, None] + np.arange(1 - self._steps, 1)
        windows = steps[np.maximum(ends, 0)]
        return Encoded(np.where(present[:, None, None], windows, np.float32(0)), present)

    def state(self) -> dict[str, Any]:
        columns = self._fitted()
        return {
            "steps": self._steps,
            "ready": self._has_windows,
            "names": [column.name for column in columns],
            "categories": [None if column.categories is None else list(column.categories) for column in columns],
            "means": [column.mean for column in columns],
            "scales": [column.scale for column in columns],
        }

    RULES = StateRules(
        steps=Whole(1, MOST_STEPS),
        ready=Flag(),
        names=Items(Text(), "C", low=1),
        categories=Items(Maybe(Items(Text(), high=MAX_CATEGORIES, is_unique=True)), "C"),
        means=Items(Real(), "C"),
        scales=Items(Real(low=1e-300), "C"),
    )

    def restore(self, state: State) -> Self:
        values = self.RULES.read(state)
        parts = zip(values["names"], values["categories"], values["means"], values["scales"], strict=True)
        self._columns = [
            SeriesColumn(name, None if categories is None else tuple(categories), mean, scale)
            for name, categories, mean, scale in parts
        ]
        self._steps, self._has_windows = values["steps"], values["ready"]
        is_numeric = all(column.categories is None for column in self._columns)
        require(is_numeric or not self._has_windows, "ready is true, so all columns must be numeric.")
        return self

    def _fitted(self) -> list[SeriesColumn]:
        if self._columns is None:
            raise NotFittedError("WindowCodec is not fitted; call fit(training_rows) or restore(state) first.")
        return self._columns


def _are_windows(values: Any) -> bool:
    if isinstance(values, list | tuple):
        first = next((row for row in values if row is not None), None)
        return getattr(first, "ndim", 0) == 2
    return getattr(values, "ndim", 2) == 3


def _unfitted_column(name: str, cells: np.ndarray, column_type: str | None) -> SeriesColumn:
    is_categorical = column_type == "categorical" if column_type else as_numbers(cells) is None
    return SeriesColumn(name, categories=() if is_categorical else None)
