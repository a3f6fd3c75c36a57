"""Choosing thresholds on validation rows: for a metric, or for a wanted precision or recall. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from medley.core.codec import TargetCodec
from medley.errors import ConfigError, did_you_mean, listing, spelled
from medley.trust.decision import LOWEST, Decision, can_decide
from medley.trust.validation import TaskPredictions

MIN_ROWS = 20
"""Fewer validation rows with a label choose no threshold."""

Counts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Weights of true positives, false positives, false negatives and true negatives, per candidate."""


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)


def precision(counts: Counts) -> np.ndarray:
    """Fraction of the predicted positives that are positive; 0 where there are none."""
    return _ratio(counts[0], counts[0] + counts[1])


def recall(counts: Counts) -> np.ndarray:
    """Fraction of the positives that are predicted."""
    return _ratio(counts[0], counts[0] + counts[2])


def _accuracy(counts: Counts) -> np.ndarray:
    return _ratio(counts[0] + counts[3], sum(counts))  # type: ignore[arg-type]


def _balanced_accuracy(counts: Counts) -> np.ndarray:
    return (recall(counts) + _ratio(counts[3], counts[3] + counts[1])) / 2


def _f1(counts: Counts) -> np.ndarray:
    return _ratio(2 * counts[0], 2 * counts[0] + counts[1] + counts[2])


def _mcc(counts: Counts) -> np.ndarray:
    positives, predicted = counts[0] + counts[2], counts[0] + counts[1]
    negatives, unpredicted = counts[3] + counts[1], counts[3] + counts[2]
    scale = np.sqrt(positives * predicted * negatives * unpredicted)
    return _ratio(counts[0] * counts[3] - counts[1] * counts[2], scale)


METRICS: dict[str, Callable[[Counts], np.ndarray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "mcc": _mcc,
}
"""Metrics that a threshold can be chosen for; more is better."""


def positive_index(codec: TargetCodec, positive: Any) -> int:
    """The index of the class whose probability is compared with a threshold: the second one by default.

    Raises:
        ConfigError: it is not a class.
    """
    labels = list(codec.labels or ())
    if positive is None:
        return 1
    texts = [str(label) for label in labels]
    if positive not in labels and str(positive) not in texts:
        raise ConfigError(
            f"is {positive!r}; the classes are {listing(map(repr, labels))}.{did_you_mean(str(positive), texts)}",
            argument="positive",
        )
    return labels.index(positive) if positive in labels else texts.index(str(positive))


def fixed_threshold(codec: TargetCodec, value: float, positive: Any = None) -> Decision:
    """A threshold that the caller sets.

    Args:
        codec: of a target with two classes, or of sets of labels.
        value: probability from which the positive class, or each label, is predicted.
        positive: the positive class of two.

    Raises:
        ConfigError: the value is no probability, or the target has other classes.
    """
    check_has_threshold(codec)
    if not isinstance(value, int | float) or isinstance(value, bool) or not LOWEST <= value <= 1 - LOWEST:
        raise ConfigError(f"must be between 0 and 1, got {value!r}.", argument="threshold")
    rule = {"kind": "fixed", "threshold": float(value)}
    if not _is_binary(codec):
        return Decision(np.full(len(codec.prior), float(value)), rule=rule)
    return _binary(codec, float(value), positive_index(codec, positive), rule)


def cost_decision(codec: TargetCodec, costs: Any) -> Decision:
    """A decision by what errors cost.

    Args:
        codec: of a target with one class per row.
        costs: (classes, classes): what it costs to predict a class (column) where another one (row) is true, in the
            order of `labels`; or a dict of dicts, `costs[true][predicted]`, in which what is missing costs 1, and a
            right prediction 0.

    Raises:
        ConfigError: the matrix has another shape, or the target has no such classes.
    """
    if not can_decide(codec, costs=True):
        raise ConfigError(
            "can be set for targets with one class per row, whose classes have no order.", argument="costs"
        )
    labels = list(codec.labels or ())
    count = len(labels)
    matrix = 1.0 - np.eye(count)
    if isinstance(costs, dict):
        for true, row in costs.items():
            if not isinstance(row, dict):
                raise ConfigError(f"must be a dict of dicts, got {type(row).__name__} for {true!r}.", argument="costs")
            for predicted, cost in row.items():
                matrix[_class_index(labels, true), _class_index(labels, predicted)] = _number(cost)
    else:
        try:
            matrix = np.asarray(costs, np.float64)
        except (TypeError, ValueError):
            matrix = np.zeros(0)
    if matrix.shape != (count, count) or not np.isfinite(matrix).all():
        raise ConfigError(
            f"must be {count} rows of {count} finite numbers, in the order of {listing(map(repr, labels))}.",
            argument="costs",
        )
    return Decision(costs=matrix, rule={"kind": "costs"})


def _class_index(labels: list[Any], label: Any) -> int:
    texts = [str(known) for known in labels]
    if label not in labels and str(label) not in texts:
        raise ConfigError(f"names {label!r}, which is not a class.{did_you_mean(str(label), texts)}", argument="costs")
    return labels.index(label) if label in labels else texts.index(str(label))


def _number(cost: Any) -> float:
    if isinstance(cost, bool) or not isinstance(cost, int | float | np.number):
        raise ConfigError(f"must be numbers, got {cost!r}.", argument="costs")
    return float(cost)


def choose_threshold(
    task: TaskPredictions,
    *,
    metric: str | None = None,
    least_precision: float | None = None,
    least_recall: float | None = None,
    positive: Any = None,
) -> Decision:
    """Chooses thresholds of calibrated probabilities on validation rows.

    Args:
        task: predictions for N validation rows; of sets of labels, each label gets a threshold of its own.
        metric: the threshold with the best value: one of `METRICS`.
        least_precision: the threshold with the highest recall among those with at least this precision.
        least_recall: the threshold with the highest precision among those with at least this recall.
        positive: the positive class of two.

    Returns:
        The decision, whose rule says what it reaches on these rows, and what 0.5 reaches.

    Raises:
        ConfigError: a name or number is wrong, no threshold reaches what is wanted, or there are too few rows.
    """
    codec = task.codec
    check_has_threshold(codec)
    if metric is not None and metric not in METRICS:
        raise ConfigError(
            f"is {metric!r}; it must be one of {listing(map(repr, METRICS))}.{did_you_mean(metric, METRICS)}",
            argument="metric",
        )
    targets = codec.linear_targets(task.encoded)
    assert targets is not None
    cells, observed = targets
    probabilities = task.calibrated
    weight = np.ones(len(cells)) if task.weight is None else task.weight.astype(np.float64)
    wanted = {"metric": metric, "precision": least_precision, "recall": least_recall}
    rule: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if _is_binary(codec):
        index = positive_index(codec, positive)
        truth = cells[:, 0] if index == 1 else 1 - cells[:, 0]
        rows = observed[:, 0] & (weight > 0)
        value, reached = _choose(probabilities[rows, index], truth[rows] > 0.5, weight[rows], rule)
        return _binary(codec, value, index, {**rule, **reached, "kind": "chosen", "threshold": value})
    values, reached = [], []
    for place in range(cells.shape[1]):
        rows = observed[:, place] & (weight > 0)
        label = str((codec.labels or ())[place])
        try:
            value, scores = _choose(probabilities[rows, place], cells[rows, place] > 0.5, weight[rows], rule)
        except ConfigError as error:
            raise error.within(label) from None
        values.append(value)
        reached.append({"label": label, "threshold": value, **scores})
    return Decision(np.array(values), rule={**rule, "kind": "chosen", "labels": reached})


def check_has_threshold(codec: TargetCodec) -> None:
    """Checks that a target has two classes, or sets of labels.

    Raises:
        ConfigError: it has not.
    """
    if not can_decide(codec, costs=False):
        raise ConfigError(
            "A threshold needs a target with two classes or with sets of labels; for more classes, pass costs."
        )


def _choose(
    probability: np.ndarray, truth: np.ndarray, weight: np.ndarray, rule: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    """A threshold, and the scores that it and 0.5 reach."""
    if len(probability) < MIN_ROWS or truth.all() or not truth.any():
        raise ConfigError(
            f"A threshold is chosen on {MIN_ROWS} validation rows at least, some of them positive and some not; there "
            f"are {int(truth.sum()):,} positive ones of {len(truth):,}. Set one with {spelled('threshold')}."
        )
    candidates, counts = _candidates(probability, truth, weight)
    if "metric" in rule:
        score = METRICS[rule["metric"]](counts)
    else:
        name, other, goal = ("precision", recall, precision) if "precision" in rule else ("recall", precision, recall)
        least = rule[name]
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 < least <= 1:
            raise ConfigError(f"must be between 0 and 1, got {least!r}.", argument=name)
        reached = goal(counts)
        if not (reached >= least - 1e-12).any():
            raise ConfigError(
                f"of {least:g} is reached by no threshold on the validation rows; the highest is "
                f"{np.floor(reached.max() * 1000) / 1000:g}.",
                argument=name,
            )
        score = np.where(reached >= least - 1e-12, other(counts), -1.0)
    best = np.flatnonzero(score == score.max())
    # Of equally good ones, the one closest to 0.5: it is moved no further than the rows demand.
    place = int(best[np.argmin(np.abs(candidates[best] - 0.5))])
    at_half = _counts_at(probability, truth, weight, 0.5)
    chosen = tuple(part[[place]] for part in counts)
    scores = {
        name: [float(function(at_half)[0]), float(function(chosen)[0])]  # type: ignore[arg-type]
        for name, function in {**METRICS, "precision": precision, "recall": recall}.items()
    }
    return float(np.clip(candidates[place], LOWEST, 1 - LOWEST)), {"rows": len(truth), "scores": scores}


def _candidates(probability: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, Counts]:
    """Thresholds between neighbouring probabilities, from high to low, and what each of them counts."""
    order = np.argsort(-probability, kind="stable")
    sorted_probability, positive = probability[order], weight[order] * truth[order]
    negative = weight[order] - positive
    ends = np.flatnonzero(np.append(np.diff(sorted_probability) < 0, True))
    lower = np.append(sorted_probability[ends[1:]], 0.0)
    thresholds = (sorted_probability[ends] + lower) / 2
    hits, false_alarms = np.cumsum(positive)[ends], np.cumsum(negative)[ends]
    misses, rejections = positive.sum() - hits, negative.sum() - false_alarms
    return thresholds, (hits, false_alarms, np.maximum(misses, 0.0), np.maximum(rejections, 0.0))  # rounding


def _counts_at(probability: np.ndarray, truth: np.ndarray, weight: np.ndarray, value: float) -> Counts:
    is_predicted = probability > value
    parts: Sequence[np.ndarray] = (
        is_predicted & truth,
        is_predicted & ~truth,
        ~is_predicted & truth,
        ~is_predicted & ~truth,
    )
    hits, false_alarms, misses, rejections = (np.array([weight[part].sum()]) for part in parts)
    return hits, false_alarms, misses, rejections


def _binary(codec: TargetCodec, value: float, index: int, rule: dict[str, Any]) -> Decision:
    """A threshold of the class at `index`; the decision holds that of the second class."""
    rule = {**rule, "positive": str((codec.labels or ())[index])}
    return Decision(np.array([value if index == 1 else 1 - value]), rule=rule)


def _is_binary(codec: TargetCodec) -> bool:
    return can_decide(codec, costs=True)
