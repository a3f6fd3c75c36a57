"""What tasks of one table have in common: rows that come in files, targets that are columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from medley.auto.automodel import AutoModel
from medley.auto.target_columns import read_table, split_target
from medley.model.records import History, Record


class TableTask(AutoModel):
    """One table to one target; the table may be a file, and the target the name of a column. Not made directly."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        validation_split: float = 0.2,
        validation_data: Any = None,
        sample_weight: Any = None,
        callbacks: Sequence[Callable[[Record], Any]] | None = None,
        verbose: int = 1,
        *,
        resume: bool = False,
    ) -> History:
        """Searches and trains.

        Args:
            x: a table of any form that `StructuredDataInput` knows, or the path of a CSV or Parquet file.
            y: labels, or the name of the column of `x` that holds them (a list of names: several columns).
            epochs: this and all others: as `AutoModel.fit`.
            batch_size: see there.
            validation_split: see there.
            validation_data: `(x, y)`, either of them likewise.
            sample_weight: see there.
            callbacks: see there.
            verbose: see there.
            resume: see there.

        Returns:
            The best trial's records as Keras's `History`.

        Raises:
            DataError: there is no such file or column, or the rows do not fit; else as `AutoModel.fit`.
        """
        x, y = split_target(x, y)
        if isinstance(validation_data, list | tuple) and len(validation_data) in (2, 3):
            validation_data = (*split_target(*validation_data[:2]), *validation_data[2:])
        validation = (validation_split, validation_data)
        return super().fit(x, y, epochs, batch_size, *validation, sample_weight, callbacks, verbose, resume=resume)

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """As `Model.predict`; `x` may be a file, and columns that were not trained on are ignored."""
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
