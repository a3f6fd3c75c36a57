"""Tables and figures of tasks with classes: confusion, ROC, precision and recall, reliability, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from medley.heads.rankings import area_under_roc, average_precision
from medley.report import figures
from medley.report.figures import Figure
from medley.trust.scores import confidence_bins, confidence_error

MOST_CLASSES = 20
"""Rows and columns of a confusion matrix."""

MOST_CURVES = 5
"""Classes that have curves of their own."""

UNIT = (0.0, 1.0)
THRESHOLDS = np.linspace(0.01, 0.99, 99)


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of rows by true and by predicted class.

    Args:
        truth: class indices (N,).
        predicted: class indices (N,).
        classes: C.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_table(
    names: Sequence[str], truth: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray
) -> dict[str, Any]:
    """Rows, precision, recall, F1 and area under the ROC curve of each class."""
    counts = confusion(truth, predicted, len(names))
    hits, of_class, of_prediction = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    rows = []
    for place, name in enumerate(names):
        is_class = truth == place
        precision = hits[place] / of_prediction[place] if of_prediction[place] else None
        recall = hits[place] / of_class[place] if of_class[place] else None
        f1 = (
            2 * hits[place] / (of_class[place] + of_prediction[place])
            if of_class[place] + of_prediction[place]
            else None
        )
        rows.append([name, int(of_class[place]), precision, recall, f1, _area(is_class, probabilities[:, place])])
    return figures.table(["class", "rows", "precision", "recall", "F1", "AUC (against the rest)"], rows)


def _area(is_class: np.ndarray, score: np.ndarray) -> float | None:
    """The area under the ROC curve; None without rows of the class, or without others."""
    return None if is_class.all() or not is_class.any() else area_under_roc(is_class, score)


def class_figures(
    names: Sequence[str],
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    predicted: np.ndarray,
    before: np.ndarray | None = None,
) -> list[Figure]:
    """The figures of a task with one class per row.

    Args:
        names: of the C classes.
        truth: class indices (N,).
        probabilities: (N, C).
        predicted: class indices (N,).
        before: (N, C) probabilities before calibration, or None.
    """
    rows = np.arange(len(truth))
    uncalibrated = None if before is None else before[rows, predicted]
    return [
        confusion_figure(names, truth, predicted),
        roc_figure(names, truth, probabilities),
        precision_recall_figure(names, truth, probabilities),
        reliability_figure(probabilities[rows, predicted], truth == predicted, uncalibrated),
        probability_figure(names, truth, probabilities),
    ]


def confusion_figure(names: Sequence[str], truth: np.ndarray, predicted: np.ndarray) -> Figure:
    """True against predicted classes; the most frequent ones where there are many."""
    names, counts = list(names), confusion(truth, predicted, len(names))
    note = "Rows of each true class by predicted class; shaded by their fraction of the true class."
    if len(names) > MOST_CLASSES:
        places = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
        note += f" The {MOST_CLASSES} most frequent of {len(names):,} classes; the table of classes has all."
        counts, names = counts[np.ix_(places, places)], [names[int(place)] for place in places]
    return figures.matrix("Confusion matrix", names, names, counts, x="predicted", y="true", note=note)


def _frequent(names: Sequence[str], truth: np.ndarray) -> list[int]:
    """The classes that have curves: the second of two, or the most frequent of more."""
    if len(names) == 2:
        return [1]
    counts = np.bincount(truth, minlength=len(names))
    return [int(place) for place in np.argsort(-counts, kind="stable")[:MOST_CURVES] if 0 < counts[place] < len(truth)]


def _cut_note(names: Sequence[str]) -> str:
    return f" The {MOST_CURVES} most frequent of {len(names):,} classes." if len(names) > MOST_CURVES else ""


def _areas(note: str, area: str, series: Sequence[dict[str, Any]]) -> str:
    """A note that says what the numbers beside the names of lines are; of a single line, with its number."""
    if len(series) != 1:
        return f"{note} {area} in parentheses."
    return f"{note} {area} of {series[0]['name'].replace(' (', ': ').rstrip(')')}."


Curve = Callable[[np.ndarray, np.ndarray], tuple[Any, Any, float]]
"""Which rows are of a class, and their scores -> x and y of a curve, and the area under it."""


def _curves(names: Sequence[str], truth: np.ndarray, probabilities: np.ndarray, curve: Curve) -> list[dict[str, Any]]:
    """A line per class against the rest, with its area in parentheses; of the second of two classes only."""
    series = []
    for place in _frequent(names, truth):
        x, y, area = curve(truth == place, probabilities[:, place])
        series.append(figures.line(f"{names[place]} ({area:.3f})", x, y))
    return series


def roc_figure(names: Sequence[str], truth: np.ndarray, probabilities: np.ndarray) -> Figure:
    """The ROC curve: of the second of two classes, or of each against the rest."""
    from sklearn.metrics import roc_curve

    def curve(is_class: np.ndarray, score: np.ndarray) -> tuple[Any, Any, float]:
        false, true, _ = roc_curve(is_class, score)
        return false, true, _area(is_class, score) or 0.0

    series = _curves(names, truth, probabilities, curve)
    note = _areas("The farther above the diagonal, the better.", "Area under the curve", series) + _cut_note(names)
    return figures.lines(
        "ROC", series, "false positive rate", "true positive rate", note=note, diagonal=True, x_range=UNIT, y_range=UNIT
    )


def precision_recall_figure(names: Sequence[str], truth: np.ndarray, probabilities: np.ndarray) -> Figure:
    """Precision against recall, likewise."""
    from sklearn.metrics import precision_recall_curve

    def curve(is_class: np.ndarray, score: np.ndarray) -> tuple[Any, Any, float]:
        precision, recall, _ = precision_recall_curve(is_class, score)
        return recall, precision, average_precision(is_class, score)

    series = _curves(names, truth, probabilities, curve)
    note = _areas("What precision costs in recall.", "Average precision", series) + _cut_note(names)
    return figures.lines("Precision and recall", series, "recall", "precision", note=note, x_range=UNIT, y_range=UNIT)


def reliability_figure(probability: np.ndarray, is_right: np.ndarray, before: np.ndarray | None = None) -> Figure:
    """How often predictions are right, by their probability, in bins of equally many (a reliability diagram).

    Args:
        probability: (N,) of what was predicted.
        is_right: (N,) whether it was true.
        before: (N,) the same before calibration, or None.
    """
    error = confidence_error(probability, is_right)
    note = f"On the diagonal, a prediction of 80 % is right in 80 % of the rows. Mean distance (ECE): {error:.3f}."
    confidence, frequency, rows = _bins(probability, is_right)
    series = [figures.line("model", confidence, frequency), figures.line("bins", confidence, frequency, "points")]
    if before is not None:
        note += f" Before calibration: {confidence_error(before, is_right):.3f}."
        series.append(figures.line("before calibration", *_bins(before, is_right)[:2], "dashed"))
    labels = "probability", "fraction right"
    figure = figures.lines("Reliability", series, *labels, note=note, diagonal=True, x_range=UNIT, y_range=UNIT)
    cells = [list(cell) for cell in zip(confidence.tolist(), frequency.tolist(), rows.tolist(), strict=True)]
    return figure | {"table": figures.table(["mean probability", "fraction right", "rows"], cells)}


def _bins(probability: np.ndarray, is_right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean probability, fraction right and number of rows of each bin."""
    bins = confidence_bins(probability)
    means = [(probability[part].mean(), is_right[part].mean(), len(part)) for part in bins]
    confidence, frequency, rows = zip(*means, strict=True)
    return np.array(confidence), np.array(frequency), np.array(rows)


def probability_figure(names: Sequence[str], truth: np.ndarray, probabilities: np.ndarray) -> Figure:
    """The distribution of probabilities: of the second of two classes by true class, or of what was predicted."""
    if len(names) == 2:
        groups = {f"true: {name}": probabilities[truth == place, 1] for place, name in enumerate(names)}
        label = f"probability of {names[1]}"
    else:
        is_right = probabilities.argmax(axis=1) == truth
        groups = {"right": probabilities.max(axis=1)[is_right], "wrong": probabilities.max(axis=1)[~is_right]}
        label = "probability of the predicted class"
    note = "Well separated groups are easy to tell apart."
    return figures.histogram("Probabilities", groups, label, note=note, bins=20)


def threshold_parts(
    name: str, is_class: np.ndarray, probability: np.ndarray, chosen: float | None = None
) -> tuple[Figure, dict[str, Any]]:
    """Precision, recall and F1 by decision threshold, and a table of notable thresholds.

    Args:
        name: of the class.
        is_class: (N,) whether a row has the class.
        probability: (N,) of the class.
        chosen: the threshold that the model uses; None for one half.
    """
    scores = np.array([_at(threshold, is_class, probability) for threshold in THRESHOLDS])
    series = [
        figures.line(label, THRESHOLDS, scores[:, place]) for place, label in enumerate(("precision", "recall", "F1"))
    ]
    note = f"A row counts as {name} if its probability is at least the threshold."
    figure = figures.lines(
        "Decision thresholds", series, f"threshold of {name}", "", note=note, x_range=UNIT, y_range=UNIT
    )
    balanced = np.array([_balanced_accuracy(threshold, is_class, probability) for threshold in THRESHOLDS])
    notable = {
        **({} if chosen is None else {"of the model": chosen}),
        "one half": 0.5,
        "highest F1": float(THRESHOLDS[np.nanargmax(np.nan_to_num(scores[:, 2]))]),
        "highest balanced accuracy": float(THRESHOLDS[balanced.argmax()]),
        "as many predicted as there are": float(np.quantile(probability, 1 - is_class.mean())),
    }
    rows = [
        [label, threshold, *_at(threshold, is_class, probability), _balanced_accuracy(threshold, is_class, probability)]
        for label, threshold in notable.items()
    ]
    columns = ["rule", "threshold", "precision", "recall", "F1", "balanced accuracy"]
    return figure, figures.table(columns, rows, caption=f"Thresholds of {name}")


def _at(threshold: float, is_class: np.ndarray, probability: np.ndarray) -> tuple[float, float, float]:
    return _scores(probability >= threshold, is_class)


def _scores(is_predicted: np.ndarray, is_class: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1; NaN where undefined."""
    hits, predicted, actual = (is_predicted & is_class).sum(), is_predicted.sum(), is_class.sum()
    precision = hits / predicted if predicted else np.nan
    recall = hits / actual if actual else np.nan
    return float(precision), float(recall), float(2 * hits / (predicted + actual)) if predicted + actual else np.nan


def _balanced_accuracy(threshold: float, is_class: np.ndarray, probability: np.ndarray) -> float:
    is_predicted = probability >= threshold
    rates = [(is_predicted == is_class)[is_class == part].mean() for part in (True, False) if (is_class == part).any()]
    return float(np.mean(rates))


def label_set_parts(
    names: Sequence[str], truth: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray | None = None
) -> tuple[list[Figure], dict[str, Any]]:
    """Figures and the table of a task with a set of labels per row.

    Args:
        names: of the L labels.
        truth: (N, L) bool.
        probabilities: (N, L).
        predicted: (N, L) bool, after thresholds; left out, the labels with a probability of one half or more.
    """
    predicted = probabilities >= 0.5 if predicted is None else predicted
    rows = []
    for place, name in enumerate(names):
        is_label, probability = truth[:, place], probabilities[:, place]
        precision, recall, f1 = _scores(predicted[:, place], is_label)
        average = float(average_precision(is_label, probability)) if is_label.any() else None
        rows.append([name, int(is_label.sum()), precision, recall, f1, average, _area(is_label, probability)])
    frequent = sorted(rows, key=lambda row: -row[1])[:MOST_CLASSES]
    note = f"The {MOST_CLASSES} most frequent of {len(names):,} labels." if len(names) > MOST_CLASSES else ""
    shown = [row[0] for row in frequent], [row[5] or 0.0 for row in frequent]
    bars = figures.bars("Average precision by label", *shown, "average precision", note=note, value_range=(0, 1))
    flat = probabilities.ravel()
    certainty = np.where(flat >= 0.5, flat, 1 - flat)
    reliability = reliability_figure(certainty, (flat >= 0.5) == truth.ravel())
    columns = ["label", "rows", "precision", "recall", "F1", "average precision", "AUC"]
    return [bars, reliability], figures.table(columns, rows)
