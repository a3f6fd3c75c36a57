"""Metrics of reports against scikit-learn, and their intervals against simulations with a known answer."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from medley.heads import ClassificationHead, OrderedHead, RegressionHead
from medley.model.tasks import Task
from medley.report.evidence import TaskEvidence
from medley.report.metric_table import metric_rows
from medley.trust.trust import Trust


def evidence(head, labels, raw, *, weight=None, baselines=None, fitted=None):
    """Evidence of raw outputs for labels, as if a model had computed them."""
    codec = head.codec().fit(labels if fitted is None else fitted)
    encoded = codec.encode(labels)
    task = Task("target", head, codec, head.loss_function(codec), dict(head.metric_functions(codec)))
    raw = np.asarray(raw, np.float32)
    rows = np.arange(len(raw))
    learned = np.ones(len(raw), bool)
    return TaskEvidence(task, raw, raw, Trust(), encoded.array, encoded.array, learned, rows, weight, baselines or {})


def by_name(part):
    return {row.name: row for row in metric_rows(part)}


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_metrics_are_those_of_scikit_learn(rng):
    labels = rng.choice(["a", "b", "c"], 80)
    raw = rng.normal(size=(80, 3)) + 1.5 * (labels[:, None] == np.array(["a", "b", "c"]))
    probability = np.exp(raw) / np.exp(raw).sum(1, keepdims=True)
    names = ["accuracy", "balanced_accuracy", "auc", "mcc", "log_loss"]
    rows = by_name(evidence(ClassificationHead(metrics=names), labels.tolist(), raw))
    predicted = np.array(["a", "b", "c"])[probability.argmax(1)]
    assert rows["accuracy"].value == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert rows["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(labels, predicted))
    assert rows["auc"].value == pytest.approx(metrics.roc_auc_score(labels, probability, multi_class="ovr"), abs=1e-6)
    assert rows["mcc"].value == pytest.approx(metrics.matthews_corrcoef(labels, predicted))
    assert (
        rows["log_loss"].value == rows["loss"].value == pytest.approx(metrics.log_loss(labels, probability), rel=1e-5)
    )


def test_metrics_of_weighted_numbers_are_those_of_scikit_learn(rng):
    true = rng.normal(50, 9, 60)
    predicted = true + rng.normal(size=60)
    weight = rng.uniform(0.1, 2, 60).astype("float32")
    head = RegressionHead(metrics=["r2", "rmse", "mae"], scale="linear")
    codec = head.codec().fit(true)
    raw = codec.encode(predicted).array
    rows = by_name(evidence(head, true, raw, weight=weight))
    assert rows["r2"].value == pytest.approx(metrics.r2_score(true, predicted, sample_weight=weight), rel=1e-4)
    error = metrics.mean_absolute_error(true, predicted, sample_weight=weight)
    assert rows["mae"].value == pytest.approx(error, rel=1e-4)
    assert not rows["mae"].greater_is_better


def test_intervals_hold_the_truth_as_often_as_they_say(rng):
    """Coin flips of which 70 % are predicted: the interval of the accuracy holds .7 in about 95 of 100 samples."""
    hits = 0
    for _ in range(100):
        right = rng.random(200) < 0.7
        labels = rng.choice([0, 1], 200)
        raw = np.where(right == (labels == 1), 1.0, -1.0)[:, None]
        row = by_name(evidence(ClassificationHead(), labels.tolist(), raw, fitted=[0, 1]))["accuracy"]
        hits += row.low <= 0.7 <= row.high
    assert 88 <= hits <= 99


def test_intervals_of_metrics_of_sets_are_as_wide_as_they_vary(rng):
    """The width for one sample of 400 rows, beside the spread over 200 other such samples."""

    def sample():
        labels = rng.choice([0, 1], 400)
        return labels, (labels + rng.normal(size=400))[:, None]

    scores = [metrics.roc_auc_score(*sample()) for _ in range(200)]
    labels, raw = sample()
    row = by_name(evidence(ClassificationHead(metrics=["auc"]), labels.tolist(), raw))["auc"]
    assert (row.high - row.low) / (2 * 1.96) == pytest.approx(np.std(scores), rel=0.35)
    assert row.low < row.value < row.high <= 1


def test_gains_are_paired(rng):
    """Two models that differ in few rows: the interval of the gain is far narrower than that of either."""
    true = rng.normal(size=300)
    head = RegressionHead(metrics=["mae"], scale="linear")
    codec = head.codec().fit(true)
    noise = rng.normal(size=300)
    model, linear = (codec.encode(true + noise * factor).array for factor in (1.0, 1.05))
    row = by_name(evidence(head, true, model, baselines={"linear": linear, "constant": 0 * linear}))["mae"]
    gain, low, high = row.gain["linear"]
    assert gain == pytest.approx(row.baselines["linear"] - row.value)
    assert 0 < low < gain < high
    assert high - low < (row.high - row.low) / 3
    assert row.baselines["constant"] == pytest.approx(np.abs(true - true.mean()).mean(), rel=1e-4)


def test_heads_recommend_metrics_that_they_know():
    for head in (ClassificationHead(), ClassificationHead(multi_label=True), RegressionHead(), OrderedHead()):
        names = list(head.further_metrics())
        assert names
        assert type(head)(metrics=names, **({"multi_label": True} if getattr(head, "multi_label", False) else {}))


@pytest.mark.parametrize("name", ["accuracy", "auc"])
def test_rows_of_a_group_are_drawn_together(rng, name):
    labels = rng.choice(["a", "b"], 150)
    raw = rng.normal(size=150) + (labels == "b")
    head = ClassificationHead(metrics=[name])
    single = by_name(evidence(head, labels.tolist(), raw[:, None]))[name]
    copies = evidence(head, np.repeat(labels, 10).tolist(), np.repeat(raw, 10)[:, None])
    independent = by_name(copies)[name]
    together = by_name(replace(copies, groups=np.repeat(np.arange(150), 10)))[name]
    widths = [row.high - row.low for row in (single, independent, together)]
    assert widths[2] == pytest.approx(widths[0], rel=0.25)  # ten copies of a row say as much as one
    assert widths[1] == pytest.approx(widths[0] / np.sqrt(10), rel=0.25)
    assert together.value == pytest.approx(single.value)
