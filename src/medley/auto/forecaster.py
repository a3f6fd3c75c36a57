"""Forecasts of time series: a preset of `AutoModel` that preserves the order of time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from medley.auto.fit_arguments import check_fit
from medley.auto.table_task import TableTask
from medley.auto.target_columns import read_table, split_target
from medley.auto.training_rows import match_rows
from medley.callbacks.callback import CallbackLike
from medley.core.arguments import check_whole_number
from medley.core.files import write_file
from medley.core.words import TunerName
from medley.data.rows import count, take
from medley.errors import ConfigError, DataError, ErrorCollector, NotFittedError
from medley.heads.regression import RegressionHead
from medley.model.records import History
from medley.search.execute.executor import Executor
from medley.search.tuners import Tuner
from medley.series.timeseries import TimeseriesInput
from medley.series.windows import MAX_DEFAULT_LOOKBACK
from medley.train.plan import Training

_TRAINING_FILE = "forecast.json"


@final
class TimeseriesForecaster(TableTask):
    """A series of rows to one or several numbers per row: `AutoModel(TimeseriesInput(...), RegressionHead(...))`.

    Rows `x` (B, C), an array, a frame or the path of a CSV or Parquet file, are in the order of time, like the numbers
    `y`, (B,) or (B, K), or the name of their column in the frame or file (a list of names for several numbers). The
    number of a row is predicted from that row and the `lookback - 1` rows before it; to predict future values, shift
    the column first: `frame["y"] = frame["sales"].shift(-1)` (missing values at the end are allowed).

    The validation rows are the last ones; they are not drawn at random.

    Args:
        output_dim: number of columns K of the target; default: that of the targets.
        column_names: as in `TimeseriesInput`; default: those of the file or frame.
        column_types: as in `TimeseriesInput`.
        lookback: number of rows from which a number is predicted; default: 16, or a quarter of the training rows if
            that is less.
        predict_from: the first row that `predict` predicts, counted from the last training row: 1 is the next one.
        predict_until: the last row that `predict` predicts, counted likewise; default: the last row of its argument.
        loss: as in `RegressionHead`.
        metrics: as in `RegressionHead`; default: the mean squared error.
        project_name: as in `AutoModel`, like all further arguments.

    Raises:
        ConfigError: an argument is invalid.

    >>> import medley as md
    >>> md.TimeseriesForecaster(lookback=3, predict_until=10).graph.inputs[0].lookback
    3
    """

    def __init__(
        self,
        output_dim: int | None = None,
        column_names: Sequence[str] | None = None,
        column_types: Mapping[str, str] | None = None,
        lookback: int | None = None,
        predict_from: int = 1,
        predict_until: int | None = None,
        loss: str | Callable[..., Any] = "mean_squared_error",
        metrics: Sequence[Any] | str | Callable[..., float] | None = None,
        project_name: str | None = None,
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = "val_loss",
        tuner: TunerName | type[Tuner] | Tuner | None = None,
        overwrite: bool = False,  # noqa: FBT001, FBT002  (the order and names are those users know)
        seed: int | None = None,
        max_model_size: int | None = None,
        *,
        time_limit: float | str | None = None,
        device: Any = "auto",
        training: Training | None = None,
        keep: int = 3,
    ) -> None:
        _check_range(predict_from, predict_until)
        series = TimeseriesInput(lookback, column_names, column_types)
        head = RegressionHead(output_dim, loss, metrics)
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(series, head, *search, time_limit=time_limit, device=device, training=training, keep=keep)
        self.predict_from = predict_from
        self.predict_until = predict_until
        self._context = (lookback or MAX_DEFAULT_LOOKBACK) - 1

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
            x: rows in the order of time.
            y: their numbers, or the name of their column in `x`; None or NaN where missing.
            epochs: as in `AutoModel.fit`, like all arguments that are not described here.
            batch_size: as in `AutoModel.fit`.
            validation_split: fraction of the rows, the last ones, for validation.
            validation_data: `(x, y)` for validation instead: rows in the order of time, without the training rows.
            sample_weight: as in `AutoModel.fit`.
            callbacks: as in `AutoModel.fit`.
            verbose: as in `AutoModel.fit`.
            resume: as in `AutoModel.fit`.
            executor: as in `AutoModel.fit`.
            workers: as in `AutoModel.fit`.

        Returns:
            The records of the best trial, like Keras's `History`.

        Raises:
            DataError: there are fewer than 2 rows, or they are invalid; otherwise as in `AutoModel.fit`.
        """
        check_fit(epochs, batch_size, validation_split, validation_data, callbacks, verbose)
        rows = match_rows(self.graph, *split_target(x, y), sample_weight)
        (x,), (y,), weight = rows.x.values(), rows.y.values(), rows.weight
        assert not isinstance(weight, Mapping)  # there is a single head
        if validation_data is None:
            count = _training_row_count(rows.size, validation_split)
            validation_data = _validation_rows(x, y, weight, count, self._context)
            train = np.arange(count)
            x, y, weight = take(x, train), take(y, train), None if weight is None else weight[:count]
        validation = (validation_split, validation_data)
        search: dict[str, Any] = {"resume": resume, "executor": executor, "workers": workers}
        history = super().fit(x, y, epochs, batch_size, *validation, weight, callbacks, verbose, **search)
        write_file(self.folder / _TRAINING_FILE, json.dumps({"rows": rows.size}).encode())
        return history

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """Predicts the numbers of the rows `predict_from` to `predict_until` after the training rows.

        Args:
            x: the training rows (without those of `validation_data`), followed by the rows to predict.
            batch_size: rows per pass; only affects memory and speed.
            verbose: has no effect.

        Returns:
            (P,) or (P, K) numbers in the unit of the target, one per predicted row.

        Raises:
            DataError: `x` ends before the first row to predict.
            NotFittedError: nothing is fitted yet.
        """
        x = read_table(x)
        training_rows, size = self._training_rows(), count(x)
        first = training_rows - 1 + self.predict_from
        last = size if self.predict_until is None else min(size, training_rows + self.predict_until)
        if first >= size:
            raise DataError(
                "The prediction data requires the original training data to make predictions on subsequent data "
                f"points: the {training_rows} training rows and at least {self.predict_from} more, but x has {size} "
                "rows."
            )
        return super().predict(take(x, np.arange(last)), batch_size, verbose)[first:]

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """The same as `predict`, because numbers have no probabilities."""
        return self.predict(x, batch_size)

    def _training_rows(self) -> int:
        path = self.folder / _TRAINING_FILE
        if not path.is_file():
            raise NotFittedError(
                f"Nothing is fitted yet, and {self.folder} holds no finished forecast; call fit first."
            )
        return json.loads(path.read_text(encoding="utf-8"))["rows"]


def _check_range(predict_from: Any, predict_until: Any) -> None:
    errors = ErrorCollector()
    check_whole_number(errors, predict_from, "predict_from", optional=False)
    check_whole_number(errors, predict_until, "predict_until")
    errors.raise_if_any(ConfigError)
    if predict_until is not None and predict_until < predict_from:
        raise ConfigError(
            f"must not be less than predict_from={predict_from}, got {predict_until}.", argument="predict_until"
        )


def _training_row_count(size: int, fraction: float) -> int:
    if size < 2:
        raise DataError(f"At least 2 rows are needed for training and validation, got {size}.")
    return size - min(max(round(size * fraction), 1), size - 1)


def _validation_rows(
    x: Any, y: Any, weight: np.ndarray | None, start: int, context: int
) -> tuple[Any, Any, np.ndarray]:
    """The rows from `start` on; the `context` rows before them, which their windows contain, have weight 0."""
    size = count(x)
    rows = np.arange(max(start - context, 0), size)
    weights = np.ones(size, np.float32) if weight is None else weight.copy()
    weights[:start] = 0
    return take(x, rows), take(y, rows), weights[rows]
