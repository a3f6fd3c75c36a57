"""Texts to one target: presets of `AutoModel`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

from medley.auto.automodel import AutoModel
from medley.core.words import TunerName
from medley.heads.classification import ClassificationHead
from medley.heads.regression import RegressionHead
from medley.search.tuners import Tuner
from medley.text.input import TextInput
from medley.train.plan import Training


@final
class TextClassifier(AutoModel):
    """Texts to classes: `AutoModel(TextInput(), ClassificationHead(...))`.

    Rows `x`: strings, None where missing. Labels `y`: of any type, (B,) or (B, 1), or one-hot (B, classes);
    with `multi_label` a matrix of 0 and 1, or lists of labels.

    Args:
        num_classes: number of classes; default: the number that occurs.
        multi_label: whether a row may have several labels, or none.
        loss: as in `ClassificationHead`; default: cross-entropy.
        metrics: as in `ClassificationHead`; default: accuracy.
        project_name: as in `AutoModel`, like all further arguments.

    Raises:
        ConfigError: an argument is invalid.

    >>> import medley as md
    >>> clf = md.TextClassifier(max_trials=3)
    >>> clf.graph.input_names, list(clf.graph.heads)
    (['text_input_1'], ['classification_head_1'])
    """

    def __init__(
        self,
        num_classes: int | None = None,
        multi_label: bool = False,  # noqa: FBT001, FBT002  (the order and names are those users know)
        loss: str | Callable[..., Any] | None = None,
        metrics: Sequence[Any] | str | Callable[..., float] | None = None,
        project_name: str | None = None,
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = "val_loss",
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
        head = ClassificationHead(num_classes, multi_label, loss=loss, metrics=metrics)
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(TextInput(), head, *search, time_limit=time_limit, device=device, training=training, keep=keep)


@final
class TextRegressor(AutoModel):
    """Texts to one or several numbers: `AutoModel(TextInput(), RegressionHead(...))`.

    Rows `x`: as in `TextClassifier`. Targets `y`: (B,), (B, 1) or (B, K).

    Args:
        output_dim: number of columns K; default: that of the targets.
        loss: as in `RegressionHead`.
        metrics: as in `RegressionHead`; default: the mean squared error.
        project_name: as in `AutoModel`, like all further arguments.

    Raises:
        ConfigError: an argument is invalid.

    >>> import medley as md
    >>> md.TextRegressor(2).graph.heads["regression_head_1"].output_dim
    2
    """

    def __init__(
        self,
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
        head = RegressionHead(output_dim, loss, metrics)
        search = (project_name, max_trials, directory, objective, tuner, overwrite, seed, max_model_size)
        super().__init__(TextInput(), head, *search, time_limit=time_limit, device=device, training=training, keep=keep)
