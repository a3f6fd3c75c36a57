"""Rows in the order of time -> windows of steps that end at each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from medley.core.codec import Codec, Encoded, State
from medley.core.spec import Spec
from medley.errors import DataError, NotFittedError
from medley.series.array import read_numbers
from medley.series.columns import Column, as_numbers, missing, pick, read_columns

LONGEST = 16  # steps of a window where the caller tells none


class WindowCodec(Codec):
    """A table (B, C) in the order of time -> windows (B, T, D), the one of each row ending at it.

    Numeric columns are standardised with statistics of the training rows, and a missing number is the last known one;
    a categorical column becomes one number per category. Before the first row, steps repeat it.

    Rows that are sequences already, (B, T, C), are taken as windows: they are standardised and nothing else.

    Args:
        lookback: T; None takes 16, or a quarter of the training rows where that is less.
        column_names: of the columns of an array; a frame tells its own.
        column_types: name -> `"categorical"` or `"numerical"`; others are told apart by whether they hold numbers.

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
        self._columns: list[Column] | None = None
        self._steps = 0
        self._ready = False

    @property
    def spec(self) -> Spec:
        """`(T, D)`."""
        return Spec((self._steps, sum(column.width for column in self._fitted())), "TD")

    def fit(self, values: Any) -> Self:
        self._ready = _are_windows(values)
        if self._ready:
            return self._fit_windows(values)
        columns = read_columns(values, self.column_names)
        rows = len(next(iter(columns.values()), ()))
        if rows == 0:
            raise DataError("A series needs at least one row and one column, got none.")
        names = [str(name) for name in self.column_names or columns]
        cells = dict(zip(names, pick(columns, names), strict=True))
        self._check_types(names)
        self._columns = [_declare(name, one, self.column_types.get(name)).fit(one) for name, one in cells.items()]
        self._steps = self.lookback or max(1, min(LONGEST, rows // 4))
        return self

    def _fit_windows(self, values: Any) -> Self:
        windows, present = read_numbers(values, None)
        steps = windows[present].reshape(-1, windows.shape[2])
        self._columns = [Column(str(place)).fit(cells) for place, cells in enumerate(steps.T)]
        self._steps = windows.shape[1]
        return self

    def _check_types(self, names: Sequence[str]) -> None:
        strange = [name for name in self.column_types if name not in names]
        if strange:
            raise DataError(
                f"column_names and column_types are mismatched. column_types names {strange}, the columns are {names}."
            )

    def encode(self, values: Any) -> Encoded:
        columns = self._fitted()
        if self._ready:
            windows, present = read_numbers(values, (self._steps, len(columns)))
            steps = [
                column.encode(cells) for column, cells in zip(columns, windows.reshape(-1, len(columns)).T, strict=True)
            ]
            array = np.concatenate(steps, 1).reshape(windows.shape)
            return Encoded(np.where(present[:, None, None], array, np.float32(0)), present)
        names = [column.name for column in columns]
        cells = pick(read_columns(values, names), names)
        steps = np.concatenate([column.encode(one) for column, one in zip(columns, cells, strict=True)], 1)
        present = ~np.logical_and.reduce([missing(one) for one in cells])
        ends = np.arange(len(steps))[:, None] + np.arange(1 - self._steps, 1)
        windows = steps[np.maximum(ends, 0)]
        return Encoded(np.where(present[:, None, None], windows, np.float32(0)), present)

    def state(self) -> dict[str, Any]:
        columns = self._fitted()
        return {
            "steps": self._steps,
            "ready": self._ready,
            "names": [column.name for column in columns],
            "categories": [None if one.categories is None else list(one.categories) for one in columns],
            "means": [column.mean for column in columns],
            "scales": [column.scale for column in columns],
        }

    def restore(self, state: State) -> Self:
        parts = zip(state["names"], state["categories"], state["means"], state["scales"], strict=True)
        self._columns = [
            Column(name, None if categories is None else tuple(categories), mean, scale)
            for name, categories, mean, scale in parts
        ]
        self._steps, self._ready = int(state["steps"]), bool(state["ready"])
        return self

    def _fitted(self) -> list[Column]:
        if self._columns is None:
            raise NotFittedError("This codec knows no columns yet: fit() it on training rows, or restore() a state.")
        return self._columns


def _are_windows(values: Any) -> bool:
    if isinstance(values, list | tuple):
        first = next((row for row in values if row is not None), None)
        return getattr(first, "ndim", 0) == 2
    return getattr(values, "ndim", 2) == 3


def _declare(name: str, cells: np.ndarray, word: str | None) -> Column:
    is_categorical = word == "categorical" if word else as_numbers(cells) is None
    return Column(name, categories=() if is_categorical else None)
