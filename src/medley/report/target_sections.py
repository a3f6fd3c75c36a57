"""What each target's predictions are worth: metrics beside baselines, tables and figures by kind of target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import ConfigError
from medley.report.class_figures import class_figures, class_table, label_set_parts, threshold_parts
from medley.report.evidence import Evidence, TaskEvidence
from medley.report.figures import table
from medley.report.metric_table import MetricRow, metric_rows
from medley.report.number_figures import error_table, number_figures
from medley.trust.conformal import ClassSets, NumberIntervals
from medley.trust.scores import confidence_error

if TYPE_CHECKING:
    from medley.model.model import Model

LEVELS = (0.9, 0.8, 0.95)
"""Of intervals and sets: the one that is drawn, and others."""

MOST_OUTPUTS = 4
"""Numbers of one target that have figures of their own."""


def target_sections(model: Model, evidence: Evidence | None, metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One section per target.

    Args:
        model: a model.
        evidence: predictions to measure, or None.
        metadata: of the model, without what must not be shown.
    """
    columns = {} if model.table is None else model.table.targets
    tasks = metadata.get("tasks") or {}
    sections = []
    for head in model.output_names:
        name = columns.get(head, head)
        part = None if evidence is None else evidence.tasks.get(head)
        section = {
            "name": name,
            "kind": tasks.get(name, {}).get("kind") or type(model.graph.heads[head]).__name__,
            "rows": 0 if part is None else part.size,
            "figures": [],
            "tables": [],
            "notes": [],
            "left_out": [],
            "headline": None,
        }
        if part is None:
            section["tables"].append(_saved_scores(model, head, metadata))
        else:
            _measure(section, part)
        check = (metadata.get("calibration") or {}).get(head)
        if isinstance(check, Mapping) and {"log_loss", "squared_error"} & check.keys():
            section["tables"].append(_calibration(check))
        sections.append(section)
    return sections


def _calibration(check: Mapping[str, Any]) -> dict[str, Any]:
    """What the cross-check over validation rows has measured before and after calibration."""
    method = check.get("method")
    if "squared_error" in check:
        row = ["squared error / variance", check["squared_error"], check.get("squared_error_calibrated")]
        verdict = f"by a {method}" if method else "left out, as the squared error does not decrease"
        return table(
            ["score", "before", "after"], [row], f"Correction to means, {verdict} (validation rows, cross-checked)"
        )
    rows = [
        [name, check.get(key), check.get(f"{key}_calibrated") if method else None]
        for name, key in (("log loss", "log_loss"), ("expected calibration error", "ece"))
    ]
    verdict = f"by {method} scaling" if method else "left out, as the log loss does not improve"
    return table(["score", "before", "after"], rows, f"Calibration, {verdict} (validation rows, cross-checked)")


def _measure(section: dict[str, Any], part: TaskEvidence) -> None:
    rows = metric_rows(part)
    section["tables"].append(_metrics(rows))
    section["headline"] = _headline(rows, part)
    learned = part.learned()
    if learned.size < part.size:
        unknown = part.size - learned.size
        section["notes"].append(
            f"{unknown:,} rows have classes that the model has not learnt: they count as misses, and are in no figure."
        )
    if learned.size < 2:
        section["notes"].append("There are too few rows for figures.")
    elif learned.labels is None:
        _numbers(section, learned)
    elif learned.is_label_set:
        names = [str(label) for label in learned.labels]
        drawn, labels = label_set_parts(names, learned.classes, learned.probabilities, learned.predicted_labels)
        section["figures"] += drawn
        section["tables"].append(labels)
    else:
        _classes(section, learned)


def _classes(section: dict[str, Any], part: TaskEvidence) -> None:
    names = [str(label) for label in part.labels or []]
    truth, predicted = part.classes, part.predicted_classes
    section["figures"] += class_figures(
        names, truth, part.probabilities, predicted=predicted, before=part.before_calibration
    )
    section["tables"].append(class_table(names, truth, predicted, part.probabilities) | {"caption": "Classes"})
    section["tables"] += _trust_tables(part)
    if len(names) == 2 and 0 < truth.sum() < len(truth):
        decision = part.trust.decisions.get(part.task.name)
        chosen = None if decision is None or decision.thresholds is None else float(decision.thresholds[0])
        if chosen is not None:
            section["notes"].append(f"{names[1]} is predicted from a probability of {chosen:.3g} on (set_threshold).")
        figure, thresholds = threshold_parts(names[1], truth == 1, part.probabilities[:, 1], chosen)
        section["figures"].append(figure)
        section["tables"].append(thresholds)


def _trust_tables(part: TaskEvidence) -> list[dict[str, Any]]:
    """Log loss and calibration error before and after calibration; coverage and size of sets of classes."""
    tables, rows = [], np.arange(part.size)
    before, truth, predicted = part.before_calibration, part.classes, part.predicted_classes
    if before is not None:
        lines = []
        for name, probabilities in (("before", before), ("after", part.probabilities)):
            log_loss = float(-np.log(np.maximum(probabilities[rows, truth], 1e-15)).mean())
            lines.append([name, log_loss, confidence_error(probabilities[rows, predicted], truth == predicted)])
        tables.append(table(["calibration", "log loss", "calibration error (ECE)"], lines, "Calibration"))
    conformal, sets = part.trust.conformal.get(part.task.name), []
    for level in LEVELS:
        with suppress(ConfigError):  # too few validation rows for this level
            if isinstance(conformal, ClassSets):
                probabilities = part.task.codec.probabilities(part.network)
                members = conformal.members(probabilities, level, part.task.name)
                sets.append([f"{level:.0%}", float(members[rows, truth].mean()), float(members.sum(axis=1).mean())])
    if sets:
        columns = ["asked for", "fraction of rows with the true class in the set", "mean classes in a set"]
        tables.append(table(columns, sets, "Sets of classes"))
    return tables


def _bounds(part: TaskEvidence, level: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Both ends (N, n) of the intervals of numbers, or None."""
    conformal = part.trust.conformal.get(part.task.name)
    if isinstance(conformal, NumberIntervals):
        with suppress(ConfigError):  # too few validation rows for this level
            low, high = conformal.bounds(part.task.codec, part.network, level, part.task.name)
            return _columns(low), _columns(high)
    return None


def _columns(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, float).reshape(len(values), -1)


def _numbers(section: dict[str, Any], part: TaskEvidence) -> None:
    bounds = _bounds(part, LEVELS[0])
    truth, predicted = _columns(part.truth), _columns(part.predicted)
    for place in range(min(truth.shape[1], MOST_OUTPUTS)):
        name = section["name"] if truth.shape[1] == 1 else f"{section['name']} {place + 1}"
        observed = np.isfinite(truth[:, place])
        if observed.sum() > 1:
            ends = () if bounds is None else (bounds[0][observed, place], bounds[1][observed, place])
            section["figures"] += number_figures(name, truth[observed, place], predicted[observed, place], *ends)
            section["tables"].append(error_table(truth[observed, place], predicted[observed, place]))
        coverage = [_coverage(part, truth, place, level) for level in LEVELS]
        if rows := [row for row in coverage if row is not None]:
            columns = ["asked for", "fraction of rows in the interval", "median width"]
            section["tables"].append(table(columns, rows, f"Intervals of {name}"))
    if truth.shape[1] > MOST_OUTPUTS:
        section["left_out"].append(
            f"Figures of {truth.shape[1] - MOST_OUTPUTS} of {truth.shape[1]} numbers: see medley.plot, for one of them."
        )


def _coverage(part: TaskEvidence, truth: np.ndarray, place: int, level: float) -> list[Any] | None:
    bounds = _bounds(part, level)
    if bounds is None:
        return None
    observed = np.isfinite(truth[:, place])
    low, high = (end[observed, place] for end in bounds)
    inside = (truth[observed, place] >= low) & (truth[observed, place] <= high)
    return [f"{level:.0%}", float(inside.mean()), float(np.median(high - low))]


def _metrics(rows: list[MetricRow]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for row in rows for name in row.baselines))
    columns = ["metric", "model", "95 % interval", *names]
    has_linear = "linear" in names
    columns += ["gain over linear", "95 % interval of the gain"] if has_linear else []
    cells = []
    for row in rows:
        arrow = "↑" if row.greater_is_better else "↓"
        line: list[Any] = [f"{row.name.replace('_', ' ')} {arrow}", row.value, interval(row.low, row.high)]
        line += [row.baselines.get(name) for name in names]
        if has_linear:
            gain = row.gain.get("linear")
            line += [None, ""] if gain is None else [gain[0], interval(gain[1], gain[2])]
        cells.append(line)
    return table(columns, cells, "Metrics (↑ greater is better, ↓ smaller is better)")


def interval(low: float, high: float) -> str:
    """Both ends of an interval.

    >>> interval(0.81234, 0.85)
    '0.812 to 0.85'
    """
    return "" if not np.isfinite([low, high]).all() else f"{low:.3g} to {high:.3g}"


def _headline(rows: list[MetricRow], part: TaskEvidence) -> dict[str, Any]:
    """The first metric that the caller or else the head prefers, and a comparison with baselines by the loss."""
    by_name = {row.name: row for row in rows}
    is_default = getattr(part.task.head, "metrics", None) is None
    preferred = part.task.head.further_metrics() if is_default else ()
    first = next((by_name[name] for name in preferred if name in by_name), rows[0])
    loss = by_name.get("loss", rows[0])
    verdict, is_good = "better than the constant baseline", True
    constant = loss.baselines.get("constant")
    if constant is not None and loss.high >= constant:
        verdict, is_good = "not clearly better than a constant prediction", False
    elif (gain := loss.gain.get("linear")) is not None:
        if gain[1] > 0:
            verdict = "better than the constant and the linear baseline"
        elif gain[2] < 0:
            verdict, is_good = "worse than the linear baseline", False
        else:
            verdict = "better than the constant baseline; no clear difference from the linear one"
    return {
        "metric": first.name.replace("_", " "),
        "value": _finite(first.value),
        "interval": interval(first.low, first.high),
        "baselines": [{"name": name, "value": _finite(value)} for name, value in first.baselines.items()],
        "verdict": verdict,
        "is_good": is_good,
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _saved_scores(model: Model, head: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Scores of the training, where there is nothing to measure."""
    scores = metadata.get("scores") or {}
    prefix = "" if len(model.output_names) == 1 else f"{head}_"
    names = [name for name in scores if not name.startswith("val_") and name.startswith(prefix)]
    rows = [[name.removeprefix(prefix), scores[name], scores.get(f"val_{name}")] for name in names]
    return table(["score", "training rows", "validation rows"], rows, "Scores at the best epoch")
