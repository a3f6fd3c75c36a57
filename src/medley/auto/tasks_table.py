"""Tables to one target: presets of `AutoModel` that read files too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from medley.auto.table_task import TableTask
from medley.core.words import TunerName
from medley.heads.classification import ClassificationHead
from medley.heads.loss_and_metric_names import as_tuple
from medley.heads.regression import RegressionHead
from medley.search.tuners import Tuner
from medley.tabular.input import StructuredDataInput
from medley.train.plan import Training


@final
class StructuredDataClassifier(TableTask):
    """Tables to classes: `AutoModel(StructuredDataInput(...), ClassificationHead(...))`.

    `clf.fit("train.csv", "survived")`, `clf.predict("test.csv")` and `clf.evaluate("test.csv", "survived")` read files.

    Args:
        column_names: as in `StructuredDataInput`; default: those of the file, frame or dict.
        column_types: as in `StructuredDataInput`.
        num_classes: number of classes; default: the number that occurs.
        multi_label: whether a row may have several labels, or none.
        loss: as in `ClassificationHead`; default: cross-entropy.
        metrics: as in `ClassificationHead`; default: accuracy.
        project_name: as in `AutoModel`, like `max_trials` and `directory`.
        max_trials: as in `AutoModel`.
        directory: as in `AutoModel`.
        objective: as in `AutoModel`; default: `"val_accuracy"` if accuracy is among the metrics, else `"val_loss"`.
        tuner: as in `AutoModel`, like all further arguments.

    Raises:
        ConfigError: an argument is invalid.

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
        project_name: str | None = None,
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = None,
        tuner: TunerName | type[Tuner] | Tuner | None = None,
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
            objective = "val_accuracy" if metrics is None or "accuracy" in as_tuple(metrics) else "val_loss"
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(table, head, *search, time_limit=time_limit, device=device, training=training, keep=keep)


@final
class StructuredDataRegressor(TableTask):
    """Tables to one or several numbers: `AutoModel(StructuredDataInput(...), RegressionHead(...))`.

    Files and names of columns work as in `StructuredDataClassifier`: `reg.fit("houses.csv", "price")`, or a list of
    names for several numbers.

    Args:
        column_names: as in `StructuredDataInput`; default: those of the file, frame or dict.
        column_types: as in `StructuredDataInput`.
        output_dim: number of columns K of the target; default: that of the targets.
        loss: as in `RegressionHead`.
        metrics: as in `RegressionHead`; default: the mean squared error.
        project_name: as in `AutoModel`, like all further arguments.

    Raises:
        ConfigError: an argument is invalid.

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
        table = StructuredDataInput(column_names, column_types)
        head = RegressionHead(output_dim, loss, metrics)
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(table, head, *search, time_limit=time_limit, device=device, training=training, keep=keep)
