"""Metrics compared with scikit-learn, by the caller's names and in the target's unit."""

from math import sqrt

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from medley.core.metric import RowMetric
from medley.heads import ClassificationHead, RegressionHead
from medley.heads.loss_and_metric_names import CLASS_METRICS, NUMBER_METRICS, ONE_LABEL_METRICS
from medley.heads.masked import metric_mean

ROWS = 60
WEIGHTS = [None, np.random.default_rng(1).integers(0, 4, ROWS).astype(np.float32)]


def compute(head, codec, raw, target, weight=None):
    """Every metric of a head as evaluation tells it."""
    values = {}
    for name, metric in head.metric_functions(codec).items():
        if isinstance(metric, RowMetric):
            rows = metric.rows(torch.from_numpy(raw), torch.from_numpy(target))
            assert rows.shape == (len(raw),)
            mass = None if weight is None else torch.from_numpy(weight)
            values[name] = metric.finish(metric_mean(rows, None, mass).item())
        else:
            values[name] = metric.score(raw, target, weight)
    return values


def drawn(head, labels):
    codec = head.codec().fit(labels)
    raw = np.random.default_rng(0).normal(size=(len(labels), len(codec.prior))).astype(np.float32)
    return codec, raw, codec.encode(labels).array


@pytest.mark.parametrize("weight", WEIGHTS)
def test_two_classes(weight):
    labels = np.random.default_rng(2).choice(["no", "yes"], ROWS)
    names = ["accuracy", "auc", "average_precision", "precision", "recall", "f1", "f1_macro", "f1_weighted"]
    names += ["f1_micro", "balanced_accuracy", "log_loss", "brier_score", "mcc", "cohen_kappa", "top_1_accuracy"]
    head = ClassificationHead(metrics=names)
    codec, raw, target = drawn(head, labels)
    pred, proba = codec.decode(raw), codec.probabilities(raw)
    kw = {"sample_weight": weight}
    expected = {
        "accuracy": sk.accuracy_score(labels, pred, **kw),
        "auc": sk.roc_auc_score(labels, proba[:, 1], **kw),
        "average_precision": sk.average_precision_score(labels, proba[:, 1], pos_label="yes", **kw),
        "precision": sk.precision_score(labels, pred, pos_label="yes", **kw),
        "recall": sk.recall_score(labels, pred, pos_label="yes", **kw),
        "f1": sk.f1_score(labels, pred, pos_label="yes", **kw),
        "f1_macro": sk.f1_score(labels, pred, average="macro", **kw),
        "f1_weighted": sk.f1_score(labels, pred, average="weighted", **kw),
        "f1_micro": sk.f1_score(labels, pred, average="micro", **kw),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, pred, **kw),
        "log_loss": sk.log_loss(labels, proba, **kw),
        "brier_score": sk.brier_score_loss(labels, proba[:, 1], pos_label="yes", **kw),
        "mcc": sk.matthews_corrcoef(labels, pred, **kw),
        "cohen_kappa": sk.cohen_kappa_score(labels, pred, **kw),
        "top_1_accuracy": sk.accuracy_score(labels, pred, **kw),
    }
    computed = compute(head, codec, raw, target, weight)
    assert list(computed) == names
    assert computed == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_several_classes(weight):
    labels = np.random.default_rng(2).integers(0, 5, ROWS)
    names = ["accuracy", "auc", "precision", "recall", "f1", "recall_macro", "precision_weighted", "f1_micro"]
    names += ["balanced_accuracy", "crossentropy", "mcc", "cohen_kappa", "top_3_accuracy", "top_5_accuracy"]
    names += ["exact_match", "brier_score"]
    head = ClassificationHead(metrics=names)
    codec, raw, target = drawn(head, labels)
    pred, proba = codec.decode(raw), codec.probabilities(raw)
    kw = {"sample_weight": weight}
    expected = {
        "accuracy": sk.accuracy_score(labels, pred, **kw),
        "auc": sk.roc_auc_score(labels, proba, multi_class="ovr", **kw),
        "precision": sk.precision_score(labels, pred, average="macro", **kw),
        "recall": sk.recall_score(labels, pred, average="macro", **kw),
        "f1": sk.f1_score(labels, pred, average="macro", **kw),
        "recall_macro": sk.recall_score(labels, pred, average="macro", **kw),
        "precision_weighted": sk.precision_score(labels, pred, average="weighted", **kw),
        "f1_micro": sk.f1_score(labels, pred, average="micro", **kw),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, pred, **kw),
        "crossentropy": sk.log_loss(labels, proba, **kw),
        "mcc": sk.matthews_corrcoef(labels, pred, **kw),
        "cohen_kappa": sk.cohen_kappa_score(labels, pred, **kw),
        "top_3_accuracy": sk.top_k_accuracy_score(labels, proba, k=3, **kw),
        "top_5_accuracy": 1.0,
        "exact_match": sk.accuracy_score(labels, pred, **kw),
        "brier_score": np.average(((proba - np.eye(5)[labels]) ** 2).sum(1), weights=weight),
    }
    assert compute(head, codec, raw, target, weight) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_label_sets(weight):
    labels = np.random.default_rng(2).integers(0, 2, (ROWS, 3))
    names = ["accuracy", "subset_accuracy", "auc", "pr_auc", "f1", "f1_micro", "f1_weighted", "precision", "recall"]
    names += ["balanced_accuracy", "log_loss", "brier_score"]
    head = ClassificationHead(multi_label=True, metrics=names)
    codec, raw, target = drawn(head, labels)
    pred, proba = codec.decode(raw), codec.probabilities(raw)
    kw = {"sample_weight": weight}
    expected = {
        "accuracy": np.average((pred == labels).mean(1), weights=weight),
        "subset_accuracy": sk.accuracy_score(labels, pred, **kw),
        "auc": sk.roc_auc_score(labels, proba, average="macro", **kw),
        "pr_auc": sk.average_precision_score(labels, proba, average="macro", **kw),
        "f1": sk.f1_score(labels, pred, average="macro", **kw),
        "f1_micro": sk.f1_score(labels, pred, average="micro", **kw),
        "f1_weighted": sk.f1_score(labels, pred, average="weighted", **kw),
        "precision": sk.precision_score(labels, pred, average="macro", **kw),
        "recall": sk.recall_score(labels, pred, average="macro", **kw),
        "balanced_accuracy": np.mean([sk.balanced_accuracy_score(labels[:, k], pred[:, k], **kw) for k in range(3)]),
        "log_loss": np.mean([sk.log_loss(labels[:, k], proba[:, k], **kw) for k in range(3)]),
        "brier_score": np.mean([sk.brier_score_loss(labels[:, k], proba[:, k], **kw) for k in range(3)]),
    }
    assert compute(head, codec, raw, target, weight) == pytest.approx(expected, rel=1e-5)


def test_unobserved_cells_have_no_effect():
    full = np.random.default_rng(2).integers(0, 2, (ROWS, 2))
    gaps = full.astype(float)
    gaps[:30, 1] = np.nan
    names = ["accuracy", "auc", "f1", "balanced_accuracy", "exact_match", "log_loss", "brier_score"]
    head = ClassificationHead(multi_label=True, metrics=names)
    codec, raw, target = drawn(head, gaps)
    wild = raw.copy()
    wild[:30, 1] = 50.0
    assert compute(head, codec, raw, target) == compute(head, codec, wild, target)
    right = (raw > 0) == full
    by_hand = np.concatenate([right[:30, 0], right[30:].mean(axis=1)]).mean()
    assert compute(head, codec, raw, target)["accuracy"] == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("columns", [1, 3])
def test_number_metrics_are_in_the_targets_unit(weight, columns):
    labels = np.random.default_rng(2).normal(1000, [50, 3, 1][:columns], (ROWS, columns))
    names = ["mae", "mean_squared_error", "rmse", "mape", "r2", "pearson"]
    head = RegressionHead(metrics=names)
    codec, raw, target = drawn(head, labels)
    pred = codec.decode(raw)
    kw = {"sample_weight": weight}
    correlations = [np.cov(labels[:, k], pred[:, k], aweights=weight) for k in range(columns)]
    expected = {
        "mae": sk.mean_absolute_error(labels, pred, **kw),
        "mean_squared_error": sk.mean_squared_error(labels, pred, **kw),
        "rmse": sqrt(sk.mean_squared_error(labels, pred, **kw)),
        "mape": 100 * sk.mean_absolute_percentage_error(labels, pred, **kw),
        "r2": sk.r2_score(labels, pred, **kw),
        "pearson": np.mean([c[0, 1] / sqrt(c[0, 0] * c[1, 1]) for c in correlations]),
    }
    computed = compute(head, codec, raw, target, weight)
    assert list(computed) == names
    assert computed == pytest.approx(expected, rel=1e-4)


def test_unobserved_numbers_have_no_effect():
    labels = np.random.default_rng(2).normal(size=(ROWS, 2))
    labels[:30, 1] = np.nan
    head = RegressionHead(metrics=["mae", "rmse", "mape", "r2", "pearson"])
    codec, raw, target = drawn(head, labels)
    wild = raw.copy()
    wild[:30, 1] = 1e6
    assert compute(head, codec, raw, target) == compute(head, codec, wild, target)
    pred = codec.decode(raw)
    each = [sk.r2_score(labels[:, 0], pred[:, 0]), sk.r2_score(labels[30:, 1], pred[30:, 1])]
    assert compute(head, codec, raw, target)["r2"] == pytest.approx(np.mean(each), rel=1e-5)


def test_undefined_metrics_are_nan_without_a_warning():
    for labels in (["a", "b"], ["a", "b", "c"]):
        head = ClassificationHead(metrics=["auc", "average_precision", "mcc", "cohen_kappa", "f1", "balanced_accuracy"])
        codec, _, _ = drawn(head, labels)
        one_class = codec.encode(["a", "a"]).array
        raw = np.zeros((2, len(codec.prior)), np.float32)
        values = compute(head, codec, raw, one_class)
        assert np.isnan(values["auc"])
        assert np.isnan(values["average_precision"])
        assert values["balanced_accuracy"] == 1.0
        nothing = compute(head, codec, raw[:0], one_class[:0])
        assert np.isnan([nothing[word] for word in ("auc", "mcc", "cohen_kappa", "balanced_accuracy")]).all()
    head = RegressionHead(metrics=["r2", "pearson"])
    codec, raw, target = drawn(head, [1.0, 1.0, 1.0])
    assert np.isnan(list(compute(head, codec, raw, target).values())).all()
    assert np.isnan(list(compute(head, codec, raw[:0], target[:0]).values())).all()


def test_auc_if_one_class_does_not_occur():
    head = ClassificationHead(metrics=["auc"])
    codec, _, _ = drawn(head, ["a", "b", "c"])
    labels = np.array(["a", "b"] * 10)
    raw = np.random.default_rng(3).normal(size=(20, 3)).astype(np.float32)
    proba = codec.probabilities(raw)
    each = [sk.roc_auc_score(labels == word, proba[:, k]) for k, word in enumerate("ab")]
    assert compute(head, codec, raw, codec.encode(labels).array)["auc"] == pytest.approx(np.mean(each))


def test_custom_metrics_receive_original_labels_and_units():
    received = {}

    def fraction_of_cats(y_true, y_pred):
        received["true"], received["pred"] = y_true, y_pred
        return float((y_pred == "cat").mean())

    head = ClassificationHead(metrics=["acc", fraction_of_cats, lambda y_true, y_pred: 7.0])
    codec, raw, target = drawn(head, ["cat", "dog", "cow"])
    computed = compute(head, codec, raw, target)
    assert list(computed) == ["acc", "fraction_of_cats", "metric_3"]
    assert received["true"].tolist() == ["cat", "dog", "cow"]
    assert received["pred"].tolist() == codec.decode(raw).tolist()
    assert computed["metric_3"] == 7.0

    head = RegressionHead(metrics=[sk.mean_absolute_error, sk.r2_score])
    codec, raw, target = drawn(head, [100.0, 200.0, 400.0])
    weight = np.array([1.0, 2.0, 0.5], np.float32)
    computed = compute(head, codec, raw, target, weight)
    assert computed["mean_absolute_error"] == pytest.approx(
        sk.mean_absolute_error([100, 200, 400], codec.decode(raw), sample_weight=weight)
    )


def test_the_direction_of_metrics():
    def cost_loss(y_true, y_pred):
        return 0.0

    better = {
        **dict.fromkeys(("accuracy", "auc", "f1_macro", "mcc", "top_5_accuracy"), True),
        **dict.fromkeys(("log_loss", "brier_score"), False),
    }
    head = ClassificationHead(metrics=[*better, cost_loss, sk.accuracy_score])
    computed = head.metric_functions(head.codec().fit([0, 1, 2]))
    assert {name: computed[name].greater_is_better for name in better} == better
    assert not computed["cost_loss"].greater_is_better
    assert computed["accuracy_score"].greater_is_better
    head = RegressionHead(metrics=["mse", "rmse", "mae", "mape", "r2", "pearson"])
    computed = head.metric_functions(head.codec().fit([0.0, 1.0]))
    assert [metric.greater_is_better for metric in computed.values()] == [False, False, False, False, True, True]


def test_all_metric_names_work():
    for labels in ([0, 1, 1], [0, 1, 2]):
        head = ClassificationHead(metrics=list(CLASS_METRICS))
        codec, raw, target = drawn(head, labels)
        assert list(compute(head, codec, raw, target)) == list(CLASS_METRICS)
    names = [w for w, m in CLASS_METRICS.items() if m not in ONE_LABEL_METRICS and not m.startswith("top_")]
    head = ClassificationHead(multi_label=True, metrics=names)
    codec, raw, target = drawn(head, [[1, 0], [0, 1]])
    assert list(compute(head, codec, raw, target)) == names
    head = RegressionHead(metrics=list(NUMBER_METRICS))
    codec, raw, target = drawn(head, [1.0, 2.0])
    assert list(compute(head, codec, raw, target)) == list(NUMBER_METRICS)
