"""Tables to one target: presets of `AutoModel` that read files too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from medley.auto.automodel import AutoModel
from medley.auto.table_files import read_table, split_target
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.heads.words import listed
from medley.model.records import History, Record
from medley.search.tuners import Tuner
from medley.tabular.input import StructuredDataInput
from medley.train.plan import Training


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

        Returns:
            The best trial's records as Keras's `History`.

        Raises:
            DataError: there is no such file or column, or the rows do not fit; else as `AutoModel.fit`.
        """
        x, y = split_target(x, y)
        if isinstance(validation_data, list | tuple) and len(validation_data) in (2, 3):
            validation_data = (*split_target(*validation_data[:2]), *validation_data[2:])
        return super().fit(
            x, y, epochs, batch_size, validation_split, validation_data, sample_weight, callbacks, verbose
        )

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


@final
class StructuredDataClassifier(TableTask):
    """Tables to classes: `AutoModel(StructuredDataInput(...), ClassificationHead(...))`.

    `clf.fit("train.csv", "survived")`, `clf.predict("test.csv")` and `clf.evaluate("test.csv", "survived")` read files.

    Args:
        column_names: as `StructuredDataInput`; left out, those of the file, frame or dict.
        column_types: as `StructuredDataInput`.
        num_classes: number of classes; counted where unset.
        multi_label: whether a row may have several labels, or none.
        loss: as `ClassificationHead`; cross-entropy where unset.
        metrics: as `ClassificationHead`; accuracy where unset.
        project_name: this and all that follow: as `AutoModel`, but for the objective.
        max_trials: see there.
        directory: see there.
        objective: where unset, `"val_accuracy"` if accuracy is among the metrics, else `"val_loss"`.
        tuner: this and all that follow: as `AutoModel`.

    Raises:
        ConfigError: an argument breaks a rule.

    >>> import medley as md
    >>> md.StructuredDataClassifier(["age", "sex"], {"sex": "categorical"}).objective
    'val_accuracy'
    """

    def __init__(
        self,
        column_names: Sequence[str] | None = None,
        column_types: Mapping[str, str] | None = None,
        num_classes: int | None = None,
        multi_label: bool = False,  # noqa: FBT001, FBT002  (the order and names are those users know)
        loss: str | Callable[..., Any] | None = None,
        metrics: Sequence[Any] | str | Callable[..., float] | None = None,
        project_name: str = "structured_data_classifier",
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = None,
        tuner: str | type[Tuner] | Tuner | None = None,
        overwrite: bool = False,  # noqa: FBT001, FBT002
        seed: int | None = None,
        max_model_size: int | None = None,
        *,
        time_limit: float | str | None = None,
        device: Any = "auto",
        training: Training | None = None,
        keep: int = 3,
    ) -> None:
        table = StructuredDataInput(column_names, column_types)
        head = ClassificationHead(num_classes, multi_label, loss=loss, metrics=metrics)
        if objective is None:
            objective = "val_accuracy" if metrics is None or "accuracy" in listed(metrics) else "val_loss"
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(table, head, *search, time_limit=time_limit, device=device, training=training, keep=keep)


@final
class StructuredDataRegressor(TableTask):
    """Tables to one or several numbers: `AutoModel(StructuredDataInput(...), RegressionHead(...))`.

    Files and columns' names as `StructuredDataClassifier`: `reg.fit("houses.csv", "price")`, and a list of names for
    several numbers.

    Args:
        column_names: as `StructuredDataInput`; left out, those of the file, frame or dict.
        column_types: as `StructuredDataInput`.
        output_dim: number of columns K of the target; counted where unset.
        loss: as `RegressionHead`.
        metrics: as `RegressionHead`; the mean squared error where unset.
        project_name: this and all that follow: as `AutoModel`.

    Raises:
        ConfigError: an argument breaks a rule.

    >>> import medley as md
    >>> md.StructuredDataRegressor(metrics=["mae"]).graph.heads["regression_head_1"].metrics
    ['mae']
    """

    def __init__(
        self,
        column_names: Sequence[str] | None = None,
        column_types: Mapping[str, str] | None = None,
        output_dim: int | None = None,
        loss: str | Callable[..., Any] = "mean_squared_error",
        metrics: Sequence[Any] | str | Callable[..., float] | None = None,
        project_name: str = "structured_data_regressor",
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
        table = StructuredDataInput(column_names, column_types)
        head = RegressionHead(output_dim, loss, metrics)
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(table, head, *search, time_limit=time_limit, device=device, training=training, keep=keep)
