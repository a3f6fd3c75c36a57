"""A series to numbers at each of its steps: a preset of `AutoModel` that keeps to the order of time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from medley.auto.rows import check_fit, whole
from medley.auto.table_task import TableTask
from medley.auto.target_columns import read_table, split_target
from medley.core.arguments import check_whole_number
from medley.core.files import write_file
from medley.data.rows import count, take
from medley.errors import ConfigError, DataError, ErrorCollector, NotFittedError
from medley.heads.regression import RegressionHead
from medley.model.records import History, Record
from medley.search.tuners import Tuner
from medley.series.timeseries import TimeseriesInput
from medley.series.windows import MAX_DEFAULT_LOOKBACK
from medley.train.plan import Training

_KNOWN = "forecast.json"


@final
class TimeseriesForecaster(TableTask):
    """A series of rows to one or several numbers per row: `AutoModel(TimeseriesInput(...), RegressionHead(...))`.

    Rows `x` (B, C), an array, a frame or the path of a CSV or Parquet file, stand in the order of time, and so do the
    numbers `y`, (B,) or (B, K), or the name of their column in a frame or file (a list of names: several numbers). The
    number of a row is told by that row and the `lookback - 1` rows before it; to tell one that lies ahead, shift the
    column before: `frame["y"] = frame["sales"].shift(-1)` (the gap at its end is no hindrance).

    The last rows are those that trials are compared on: they are never drawn at random.

    Args:
        output_dim: number of columns K of the target; counted where unset.
        column_names: as `TimeseriesInput`; left out, those of the file or frame.
        column_types: as `TimeseriesInput`.
        lookback: rows that are looked at for each number; unset, 16, or a quarter of the training rows if that is less.
        predict_from: the first row that `predict` tells, counted from the last training row: 1 is the one after it.
        predict_until: the last row that `predict` tells, counted likewise; unset, the last row it is given.
        loss: as `RegressionHead`.
        metrics: as `RegressionHead`; the mean squared error where unset.
        project_name: this and all that follow: as `AutoModel`.

    Raises:
        ConfigError: an argument breaks a rule.

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
        tuner: str | type[Tuner] | Tuner | None = None,
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
        self._before = (lookback or MAX_DEFAULT_LOOKBACK) - 1

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
    ) -> History:
        """Searches and trains.

        Args:
            x: rows in the order of time.
            y: their numbers, or the name of their column in `x`; None or NaN where a row has none.
            epochs: this and all that is not told here: as `AutoModel.fit`.
            batch_size: see there.
            validation_split: share of the rows, the last ones, that trials are compared on.
            validation_data: `(x, y)` to compare on instead: rows in the order of time, without the training rows.
            sample_weight: see there.
            callbacks: see there.
            verbose: see there.

        Returns:
            The best trial's records as Keras's `History`.

        Raises:
            DataError: there are fewer than 2 rows, or they do not fit; else as `AutoModel.fit`.
        """
        check_fit(epochs, batch_size, validation_split, validation_data, callbacks, verbose)
        rows = whole(self.graph, *split_target(x, y), sample_weight)
        (x,), (y,), weight = rows.x.values(), rows.y.values(), rows.weight
        if validation_data is None:
            cut = _cut(rows.size, validation_split)
            validation_data = _held(x, y, weight, cut, self._before)
            train = np.arange(cut)
            x, y, weight = take(x, train), take(y, train), None if weight is None else weight[:cut]
        history = super().fit(x, y, epochs, batch_size, validation_split, validation_data, weight, callbacks, verbose)
        write_file(self.folder / _KNOWN, json.dumps({"rows": rows.size}).encode())
        return history

    def predict(self, x: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """The numbers of the rows after the training rows, `predict_from` to `predict_until`.

        Args:
            x: the training rows (those of `validation_data` left out), and after them the rows that are asked for.
            batch_size: rows per pass; bounds memory only.
            verbose: has no effect.

        Returns:
            (P,) or (P, K) numbers in the unit of the target, one for each row asked for.

        Raises:
            DataError: `x` ends before the first row asked for.
            NotFittedError: nothing is fitted yet.
        """
        x = read_table(x)
        known, size = self._known_rows(), count(x)
        first = known - 1 + self.predict_from
        last = size if self.predict_until is None else min(size, known + self.predict_until)
        if first >= size:
            raise DataError(
                "The prediction data requires the original training data to make predictions on subsequent data "
                f"points: the {known} training rows and at least {self.predict_from} more, but x has {size} rows."
            )
        return super().predict(take(x, np.arange(last)), batch_size, verbose)[first:]

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """As `predict`: numbers have no probabilities."""
        return self.predict(x, batch_size)

    def _known_rows(self) -> int:
        path = self.folder / _KNOWN
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
            f"must not lie before predict_from={predict_from}, got {predict_until}.", argument="predict_until"
        )


def _cut(size: int, fraction: float) -> int:
    """How many rows are trained on."""
    if size < 2:
        raise DataError(f"At least 2 rows are needed to set some aside for validation, got {size}.")
    return size - min(max(round(size * fraction), 1), size - 1)


def _held(x: Any, y: Any, weight: np.ndarray | None, cut: int, before: int) -> tuple[Any, Any, np.ndarray]:
    """The rows from `cut` on; those before them go along with no weight, as what their windows look back on."""
    size = count(x)
    held = np.arange(max(cut - before, 0), size)
    weights = np.ones(size, np.float32) if weight is None else weight.copy()
    weights[:cut] = 0
    return take(x, held), take(y, held), weights[held]
