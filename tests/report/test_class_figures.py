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


def test_reliability_counts_by_hand():
    """Thirty predictions in 15 bins of two each: the first bin is right once, all others twice."""
    probability = np.repeat(np.linspace(0.55, 0.97, 15), 2)
    is_right = np.ones(30, bool)
    is_right[0] = False
    figure = class_figures.reliability_figure(probability, is_right, np.ones(30))
    assert figure["table"]["rows"][0] == [0.55, 0.5, 2]
    assert figure["table"]["rows"][-1] == [0.97, 1.0, 2]
    error = (abs(0.55 - 0.5) + np.abs(1 - np.linspace(0.55, 0.97, 15)[1:]).sum()) / 15
    assert f"(ECE): {error:.3f}." in figure["note"]
    assert f"Before calibration: {1 / 30:.3f}." in figure["note"]


def test_honest_probabilities_lie_on_the_diagonal():
    rng = np.random.default_rng(3)
    probability = rng.uniform(0.5, 1, 20_000)
    honest = class_figures.reliability_figure(probability, rng.random(20_000) < probability)["series"][0]
    boastful = class_figures.reliability_figure(probability, rng.random(20_000) < probability - 0.2)["series"][0]
    assert np.abs(np.subtract(honest["x"], honest["y"])).max() < 0.05
    assert np.subtract(boastful["x"], boastful["y"]).mean() == pytest.approx(0.2, abs=0.02)


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
