"""Predicting single rows that are dicts, without making frames of the answers: for servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from medley.errors import DataError
from medley.tables.reading.read import Table
from medley.tables.view import TableView

Answer = dict[Any, Any]
"""Name of a column of predictions -> value, for one row."""


class RowPredictor:
    """Predicts rows that are dicts; answers hold the values that `Predictor.predict` has in its columns.

    Args:
        view: reads the rows.
        answer: rows -> names and cells of the columns of predictions. It is called here on a row without any cell, so
            that no caller waits for what is only done once.
    """

    def __init__(self, view: TableView, answer: Callable[[Table], Sequence[tuple[Any, Any]]]) -> None:
        self._view = view
        self._answer = answer
        self(dict.fromkeys(view.required))

    @overload
    def __call__(self, rows: Mapping[str, Any]) -> Answer: ...

    @overload
    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]: ...

    def __call__(self, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Answer | list[Answer]:
        """Predict one row, or several.

        Args:
            rows: column -> cell, or a list of such; other columns are ignored.

        Returns:
            The answer to one row, or one per row.

        Raises:
            DataError: rows are not dicts, or lack columns; all errors are reported at once.
        """
        if isinstance(rows, Mapping):
            return self._answers([rows])[0]
        if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
            raise DataError(f"Rows must be dicts of cells by column, or a list of them, got {type(rows).__name__}.")
        return self._answers(rows) if rows else []

    def _answers(self, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        columns = self._answer(self._view.read(list(rows)))
        names = [name for name, _ in columns]
        # An array as Python's own values, which every format of a server can write.
        cells = [values.tolist() if isinstance(values, np.ndarray) else list(values) for _, values in columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
