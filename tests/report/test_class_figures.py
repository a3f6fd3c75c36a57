"""Figures of classes against scikit-learn and numbers counted by hand."""

import numpy as np
import pytest
from sklearn import metrics

from medley.report import class_figures


@pytest.fixture
def scored():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 120)
    raw = np.exp(rng.normal(size=(120, 3)) + 1.2 * np.eye(3)[truth])
    probabilities = raw / raw.sum(1, keepdims=True)
    return truth, probabilities, probabilities.argmax(1)


def test_confusion_and_classes_are_those_of_scikit_learn(scored):
    truth, probabilities, predicted = scored
    figure = class_figures.confusion_figure(["a", "b", "c"], truth, predicted)
    assert figure["values"] == metrics.confusion_matrix(truth, predicted).tolist()
    table = class_figures.class_table(["a", "b", "c"], truth, predicted, probabilities)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, predicted)
    for place, row in enumerate(table["rows"]):
        assert row[0] == "abc"[place]
        assert row[1:5] == pytest.approx([support[place], precision[place], recall[place], f1[place]], rel=1e-5)


def test_the_most_frequent_of_many_classes_are_shown():
    truth = np.concatenate([np.arange(30), np.arange(10, 30)])
    names = [f"class {place}" for place in range(30)]
    figure = class_figures.confusion_figure(names, truth, truth)
    assert figure["rows"] == names[10:]
    assert "20 most frequent of 30" in figure["note"]


def test_the_roc_curve_encloses_its_area(scored):
    truth, probabilities, _ = scored
    figure = class_figures.roc_figure(["a", "b"], (truth == 1).astype(int), probabilities[:, [0, 1]])
    (line,) = figure["series"]
    area = np.trapezoid(line["y"], line["x"]) if hasattr(np, "trapezoid") else np.trapz(line["y"], line["x"])
    expected = metrics.roc_auc_score(truth == 1, probabilities[:, 1])
    assert area == pytest.approx(expected, abs=0.01)
    assert f"{expected:.3f}" in figure["note"]


def test_calibration_error_counts_by_hand():
    """Eight predictions of .75, of which five are right, and two of .95, both right."""
    probability = np.array([0.75] * 8 + [0.95] * 2)
    is_right = np.array([1, 1, 1, 1, 1, 0, 0, 0, 1, 1])
    error = 0.8 * abs(0.75 - 5 / 8) + 0.2 * abs(0.95 - 1)
    assert class_figures.expected_calibration_error(probability, is_right) == pytest.approx(error)
    rows = class_figures.reliability_figure(probability, is_right)["table"]["rows"]
    assert rows == [[0.75, 0.625, 8], [0.95, 1.0, 2]]


def test_the_calibration_error_of_honest_probabilities_is_small():
    rng = np.random.default_rng(3)
    probability = rng.uniform(0.5, 1, 20_000)
    honest = class_figures.expected_calibration_error(probability, rng.random(20_000) < probability)
    boastful = class_figures.expected_calibration_error(probability, rng.random(20_000) < probability - 0.2)
    assert honest < 0.02
    assert boastful == pytest.approx(0.2, abs=0.02)


def test_thresholds_are_those_of_scikit_learn(scored):
    truth, probabilities, _ = scored
    is_class, probability = truth == 2, probabilities[:, 2]
    _, table = class_figures.threshold_parts("c", is_class, probability)
    by_rule = {row[0]: row[1:] for row in table["rows"]}
    for threshold, precision, recall, f1, balanced in by_rule.values():
        predicted = probability >= threshold
        assert precision == pytest.approx(metrics.precision_score(is_class, predicted), rel=1e-4)
        assert recall == pytest.approx(metrics.recall_score(is_class, predicted), rel=1e-4)
        assert f1 == pytest.approx(metrics.f1_score(is_class, predicted), rel=1e-4)
        assert balanced == pytest.approx(metrics.balanced_accuracy_score(is_class, predicted), rel=1e-4)
    assert by_rule["highest F1"][3] == max(row[3] for row in by_rule.values())
    assert by_rule["highest balanced accuracy"][4] == max(row[4] for row in by_rule.values())


def test_label_sets_are_measured_label_by_label():
    rng = np.random.default_rng(4)
    truth = rng.random((90, 3)) < [0.5, 0.2, 0.0]
    probabilities = np.clip(truth * 0.4 + rng.random((90, 3)) * 0.6, 0, 1)
    _, table = class_figures.label_set_parts(["x", "y", "z"], truth, probabilities)
    assert table["rows"][0][5] == pytest.approx(
        metrics.average_precision_score(truth[:, 0], probabilities[:, 0]), rel=1e-4
    )
    assert table["rows"][2][1:4] == [0, 0.0, None]  # no row has the label
