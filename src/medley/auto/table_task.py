"""The base class of tasks on tables: reads files, and finds targets by the names of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medley.auto.automodel import AutoModel
from medley.auto.target_columns import read_table, split_target
from medley.callbacks.callback import CallbackLike
from medley.model.records import History
from medley.search.execute.executor import Executor


class TableTask(AutoModel):
    """Base class for one table and one target; the table may be a file, and the target the name of a column."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        validation_split: float = 0.2,
        validation_data: Any = None,
        sample_weight: Any = None,
        callbacks: Sequence[CallbackLike] | None = None,
        verbose: int = 1,
        *,
        resume: bool = False,
        executor: str | Executor | None = None,
        workers: int | None = None,
    ) -> History:
        """Searches and trains.

        Args:
            x: a table in any format of `StructuredDataInput`, or the path of a CSV or Parquet file.
            y: labels, or the name of their column in `x` (a list of names for several columns).
            epochs: as in `AutoModel.fit`, like all arguments but `validation_data`.
            batch_size: as in `AutoModel.fit`.
            validation_split: as in `AutoModel.fit`.
            validation_data: `(x, y)` in the same formats.
            sample_weight: as in `AutoModel.fit`.
            callbacks: as in `AutoModel.fit`.
            verbose: as in `AutoModel.fit`.
            resume: as in `AutoModel.fit`.
            executor: as in `AutoModel.fit`.
            workers: as in `AutoModel.fit`.

        Returns:
            The records of the best trial, like Keras's `History`.

        Raises:
            DataError: a file or column does not exist, or the rows are invalid; otherwise as in `AutoModel.fit`.
        """
        x, y = split_target(x, y)
        if isinstance(validation_data, list | tuple) and len(validation_data) in (2, 3):
            validation_data = (*split_target(*validation_data[:2]), *validation_data[2:])
        validation = (validation_split, validation_data)
        search: dict[str, Any] = {"resume": resume, "executor": executor, "workers": workers}
        return super().fit(x, y, epochs, batch_size, *validation, sample_weight, callbacks, verbose, **search)

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """As `Model.predict`; `x` may be a file, and columns that are not inputs are ignored."""
        return super().predict(read_table(x), batch_size, verbose)

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """As `Model.predict_proba`; `x` may be a file."""
        return super().predict_proba(read_table(x), batch_size)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int = 0,
        sample_weight: Any = None,
        return_dict: bool = False,  # noqa: FBT001, FBT002  (Keras's)
    ) -> list[float] | dict[str, float]:
        """As `AutoModel.evaluate`; `x` may be a file, and `y` the name of a column of `x`."""
        return super().evaluate(*split_target(x, y), batch_size, verbose, sample_weight, return_dict)
