"""Plots of models, one by one, as figures of matplotlib (`medley[plot]`): those that reports show.

Each function returns a `matplotlib.figure.Figure`: `medley.plot.roc(model, table).savefig("roc.png")`. Without rows, it
shows the predictions for validation rows that the model keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from medley.errors import ConfigError, DataError, NotFittedError, did_you_mean
from medley.model.records import History
from medley.report import class_figures, number_figures, training_section
from medley.report.evidence import TaskEvidence
from medley.report.importance_section import bars_of_columns
from medley.report.matplotlib_figure import draw
from medley.report.page import evidence_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from medley.model.model import Model

__all__ = [
    "confusion",
    "importance",
    "learning_curves",
    "precision_recall",
    "predicted_against_true",
    "reliability",
    "residuals",
    "roc",
    "thresholds",
    "trials",
]


def confusion(model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None) -> Figure:
    """Plots true against predicted classes.

    Args:
        model: a model.
        x: labelled rows, as in `Model.evaluate`; left out, the validation rows that the model keeps.
        y: as in `Model.evaluate`.
        target: head name; left out, the first target with classes.
        root: as in `Model.predict`.

    Raises:
        ConfigError: the model has no such target.
        DataError: there are no rows to plot.
    """
    names, part = _classes(model, x, y, target, root)
    return draw([class_figures.confusion_figure(names, part.classes, part.predicted_classes)])


def roc(model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None) -> Figure:
    """Plots ROC curves. Arguments and errors are those of `confusion`, as of the next functions."""
    names, part = _classes(model, x, y, target, root)
    return draw([class_figures.roc_figure(names, part.classes, part.probabilities)])


def precision_recall(
    model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None
) -> Figure:
    """Plots precision against recall."""
    names, part = _classes(model, x, y, target, root)
    return draw([class_figures.precision_recall_figure(names, part.classes, part.probabilities)])


def reliability(model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None) -> Figure:
    """Plots how often predictions are right, by their probability."""
    _, part = _classes(model, x, y, target, root)
    rows, predicted = range(part.size), part.predicted_classes
    before = None if part.before_calibration is None else part.before_calibration[rows, predicted]
    is_right = part.classes == predicted
    return draw([class_figures.reliability_figure(part.probabilities[rows, predicted], is_right, before)])


def thresholds(model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None) -> Figure:
    """Plots precision, recall and F1 of the second of two classes by decision threshold.

    Raises:
        ConfigError: the target has not two classes.
    """
    names, part = _classes(model, x, y, target, root)
    if len(names) != 2:
        raise ConfigError(f"has {len(names)} classes; thresholds are of targets with two.", argument="target")
    figure, _ = class_figures.threshold_parts(names[1], part.classes == 1, part.probabilities[:, 1])
    return draw([figure])


def predicted_against_true(
    model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None
) -> Figure:
    """Plots predicted against true numbers; of a target with several, the first."""
    part = _numbers(model, x, y, target, root)
    truth, predicted = (values.reshape(part.size, -1)[:, 0] for values in (part.truth, part.predicted))
    return draw([number_figures.predicted_against_true(part.task.name, truth, predicted)])


def residuals(model: Model, x: Any = None, y: Any = None, *, target: str | None = None, root: Any = None) -> Figure:
    """Plots errors of numbers by prediction, and their distribution."""
    part = _numbers(model, x, y, target, root)
    truth, predicted = (values.reshape(part.size, -1)[:, 0] for values in (part.truth, part.predicted))
    name = part.task.name
    parts = (number_figures.residuals_by_prediction, number_figures.residual_distribution)
    return draw([part_of(name, truth, predicted) for part_of in parts])


def importance(model: Model, x: Any, y: Any = None, *, root: Any = None, time_limit: float | None = None) -> Figure:
    """Plots how much worse predictions are without each column (`Model.importance`)."""
    return draw([bars_of_columns(model.importance(x, y, root=root, time_limit=time_limit))])


def learning_curves(source: Model | History) -> Figure:
    """Plots losses by epoch.

    Args:
        source: a model, or what `AutoModel.fit` returns.

    Raises:
        NotFittedError: it has no epochs.
    """
    if isinstance(source, History):
        records = [record.to_json() for record in source.records]
    else:
        records = source.metadata.get("epochs") or []
    if not records:
        raise NotFittedError("No epoch has been trained, so there is nothing to plot.")
    return draw(training_section.curves(records))


def trials(model: Model) -> Figure:
    """Plots the score of each trial of the search that a model is the best of, and which hyperparameters mattered.

    Raises:
        NotFittedError: the model knows no trials.
    """
    rows = model.metadata.get("trials") or []
    if not rows:
        raise NotFittedError("The model knows no trials, so there is nothing to plot.")
    return draw([training_section.scores_of_trials(rows), *training_section.hyperparameter_importance(rows)])


def _classes(model: Model, x: Any, y: Any, target: str | None, root: Any) -> tuple[list[str], TaskEvidence]:
    part = _part(model, x, y, target, root, "classes", lambda part: part.labels is not None and not part.is_label_set)
    return [str(label) for label in part.labels or ()], part


def _numbers(model: Model, x: Any, y: Any, target: str | None, root: Any) -> TaskEvidence:
    return _part(model, x, y, target, root, "numbers", lambda part: part.labels is None)


def _part(
    model: Model, x: Any, y: Any, target: str | None, root: Any, kind: str, fits: Callable[[TaskEvidence], bool]
) -> TaskEvidence:
    if target is not None and target not in model.output_names:
        hint = did_you_mean(target, model.output_names)
        raise ConfigError(f"is {target!r}, which is no target of the model.{hint}", argument="target")
    evidence = evidence_of(model, x, y, root)
    if evidence is None:
        raise DataError("The model keeps no validation rows; pass labelled rows.")
    parts = [part.learned() for name, part in evidence.tasks.items() if target in (None, name)]
    fitting = [part for part in parts if part.size and fits(part)]
    if not fitting:
        raise ConfigError(f"must name a target with {kind} that some row has.", argument="target")
    return fitting[0]
