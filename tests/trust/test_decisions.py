"""Thresholds and costs: against scikit-learn's metrics over all thresholds, and by hand."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import medley as md
from medley.cli.main import main
from medley.errors import ArtifactError, ConfigError
from medley.heads import ClassificationHead, OrderedHead, RegressionHead
from medley.trust.decision import Decision
from medley.trust.fit_decision import choose_threshold, cost_decision, fixed_threshold
from medley.trust.validation import TaskPredictions


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(0)
    raw = rng.normal(-1.5, 1.5, size=(500, 1))
    truth = rng.random(500) < 1 / (1 + np.exp(-raw[:, 0]))
    codec = ClassificationHead().codec().fit(["no", "yes"])
    return TaskPredictions(codec, codec.encode(np.where(truth, "yes", "no")), raw, rng.uniform(0.5, 2, 500))


def best_by_trying(task, score):
    """The best value of a metric over all thresholds."""
    truth, probability = task.targets == "yes", task.outputs[:, 1]
    thresholds = [0, *probability]
    return max(score(truth, probability > value, sample_weight=task.weight) for value in thresholds)


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("f1", metrics.f1_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("mcc", metrics.matthews_corrcoef),
        ("accuracy", metrics.accuracy_score),
    ],
)
def test_the_best_threshold_for_a_metric_is_found(task, metric, score):
    decision = choose_threshold(task, metric=metric)
    predicted = task.codec.decode(decision.apply(task.codec, task.raw))
    assert (predicted == np.where(task.outputs[:, 1] > decision.thresholds[0], "yes", "no")).all()
    reached = score(task.targets == "yes", predicted == "yes", sample_weight=task.weight)
    assert reached == pytest.approx(best_by_trying(task, score))
    at_half = score(task.targets == "yes", task.predictions == "yes", sample_weight=task.weight)
    assert decision.rule["scores"][metric] == pytest.approx([at_half, reached])


@pytest.mark.parametrize("positive", ["yes", "no"])
def test_a_wanted_precision_or_recall_is_reached_with_the_most_of_the_other(task, positive):
    truth = task.targets == positive
    precisions, recalls, _ = metrics.precision_recall_curve(
        truth, task.outputs[:, ["no", "yes"].index(positive)], sample_weight=task.weight
    )
    for options, best in (
        ({"least_precision": 0.8}, recalls[precisions >= 0.8].max()),
        ({"least_recall": 0.8}, precisions[recalls >= 0.8].max()),
    ):
        decision = choose_threshold(task, positive=positive, **options)
        predicted = task.codec.decode(decision.apply(task.codec, task.raw)) == positive
        scores = [
            score(truth, predicted, sample_weight=task.weight)
            for score in (metrics.precision_score, metrics.recall_score)
        ]
        reached = scores if "least_precision" in options else scores[::-1]
        assert reached[0] >= 0.8
        assert reached[1] == pytest.approx(best)


def test_what_cannot_be_reached_is_an_error_with_what_can(task):
    raw = np.zeros_like(task.raw)
    raw[:250] = 0.1
    flat = TaskPredictions(task.codec, task.encoded, raw)
    with pytest.raises(ConfigError, match=r"precision of 0\.9 is reached by no threshold.* highest is 0\.\d+"):
        choose_threshold(flat, least_precision=0.9)
    with pytest.raises(ConfigError, match="metric is 'f2'; it must be one of 'accuracy'"):
        choose_threshold(task, metric="f2")
    with pytest.raises(ConfigError, match="positive is 'maybe'; the classes are 'no', 'yes'"):
        choose_threshold(task, metric="f1", positive="maybe")
    few = TaskPredictions(task.codec, task.codec.encode(["yes"] * 30), np.zeros((30, 1)))
    with pytest.raises(ConfigError, match="there are 30 positive ones of 30"):
        choose_threshold(few, metric="f1")


def test_each_label_of_sets_has_a_threshold_of_its_own():
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(400, 2)) - [0.0, 2.0]
    cells = (rng.random((400, 2)) < 1 / (1 + np.exp(-raw))).astype(float)
    codec = ClassificationHead(multi_label=True).codec().fit(cells)
    decision = choose_threshold(TaskPredictions(codec, codec.encode(cells), raw), metric="f1")
    predicted = codec.decode(decision.apply(codec, raw))
    for place in range(2):
        one = ClassificationHead().codec().fit([0.0, 1.0])
        alone = choose_threshold(TaskPredictions(one, one.encode(cells[:, place]), raw[:, [place]]), metric="f1")
        assert decision.thresholds[place] == pytest.approx(alone.thresholds[0])
        assert (predicted[:, place] == one.decode(alone.apply(one, raw[:, [place]]))).all()


def test_costs_choose_the_class_with_the_least_expected_cost():
    codec = ClassificationHead().codec().fit(["a", "b", "c"])
    raw = np.log([[0.5, 0.3, 0.2], [0.9, 0.05, 0.05]])
    decision = cost_decision(codec, {"b": {"a": 3}})
    # Row 1: predicting a costs 0.3 * 3 + 0.2 = 1.1, b costs 0.5 + 0.2 = 0.7; row 2: a costs 0.2, b costs 0.95.
    assert codec.decode(decision.apply(codec, raw)).tolist() == ["b", "a"]
    matrix = [[0, 1, 1], [3, 0, 1], [1, 1, 0]]
    assert np.array_equal(cost_decision(codec, matrix).costs, decision.costs)
    two = ClassificationHead().codec().fit([0, 1])
    # A missed 1 costs 9 times a false alarm: the threshold of the second class is 0.1.
    raw = np.log([[0.11 / 0.89], [0.09 / 0.91]])
    assert two.decode(cost_decision(two, {1: {0: 9}}).apply(two, raw)).tolist() == [1, 0]
    for costs in ([[0, 1]], {"lion": {"a": 1}}, {"a": 3}, "x", [[0, np.nan, 1]] * 3, {"a": {"b": "dear"}}):
        with pytest.raises(ConfigError, match="costs"):
            cost_decision(codec, costs)


@pytest.mark.parametrize("head", [RegressionHead(), OrderedHead(), ClassificationHead()])
def test_other_targets_have_no_threshold(head):
    with pytest.raises(ConfigError, match="two classes or with sets of labels"):
        fixed_threshold(head.codec().fit([1.0, 2.0, 3.0]), 0.4)


def test_hostile_states_are_refused():
    codec = ClassificationHead().codec().fit([0, 1])
    decision = fixed_threshold(codec, 0.3)
    assert Decision.restore(decision.state(), codec).thresholds.tolist() == [0.3]
    for state in (
        {"rule": {"kind": "fixed"}},
        {"rule": [], "thresholds": np.array([0.5])},
        {"rule": {"kind": "fixed", "threshold": "high"}, "thresholds": np.array([0.5])},
        {"rule": {"kind": "chosen", "scores": {"f1": [1]}}, "thresholds": np.array([0.5])},
        {"rule": {"kind": "fixed"}, "thresholds": np.array([0.0])},
        {"rule": {"kind": "fixed"}, "thresholds": np.array([0.5, 0.5])},
        {"rule": {"kind": "fixed"}, "costs": np.zeros((3, 3))},
        {"rule": {"kind": "fixed"}, "thresholds": np.array([0.5]), "costs": np.zeros((2, 2))},
    ):
        with pytest.raises(ArtifactError):
            Decision.restore(state, codec)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    size = rng.normal(size=200)
    return pd.DataFrame(
        {
            "size": size,
            "other": rng.normal(size=200),
            "sold": np.where(size + rng.normal(size=200) > 1.2, "yes", "no"),
            "price": size + rng.normal(size=200),
        }
    )


@pytest.fixture(scope="module")
def model(table):
    heads = {"sold": md.ClassificationHead(metrics=["f1", "accuracy", "auc"]), "price": None}
    return md.fit(table, {**heads, "price": md.RegressionHead()}, max_trials=1, epochs=1, verbose=0)


def test_a_threshold_is_used_saved_measured_and_reset(model, table, tmp_path):
    model = copy.deepcopy(model)
    before, measured = model.predict(table, proba=True), model.evaluate(table)
    rule = model.set_threshold(recall=0.95, positive="yes")
    frame = model.predict(table, proba=True)
    assert (frame.sold == np.where(frame.sold_yes > rule["threshold"], "yes", "no")).all()
    assert (frame.sold_probability == np.where(frame.sold == "yes", frame.sold_yes, frame.sold_no)).all()
    assert (frame.sold == "yes").sum() > (before.sold == "yes").sum()
    pd.testing.assert_frame_equal(frame[["price", "sold_yes"]], before[["price", "sold_yes"]])
    scores = model.evaluate(table)
    assert scores["sold_accuracy"] == pytest.approx(np.mean(frame.sold == table.sold))
    for name in ("sold_auc", "sold_loss", "price_loss"):
        assert scores[name] == measured[name]
    loaded = md.load(model.save(tmp_path / "model", examples=False))
    pd.testing.assert_frame_equal(loaded.predict(table, proba=True), frame)
    with pytest.raises(ConfigError, match="no predictions for validation rows"):
        loaded.set_threshold("sold", metric="f1")
    assert loaded.set_threshold("sold", threshold=0.9)["threshold"] == 0.9
    model.reset_threshold("sold")
    pd.testing.assert_frame_equal(model.predict(table, proba=True), before)


def test_wrong_calls_are_errors(model):
    with pytest.raises(ConfigError) as caught:
        model.set_threshold("solt")
    assert "did you mean 'sold'" in str(caught.value).lower()
    assert "Pass exactly one of metric, precision, recall, threshold, costs." in str(caught.value)
    with pytest.raises(ConfigError, match="price: A threshold needs a target with two classes"):
        model.set_threshold("price", metric="f1")
    with pytest.raises(ConfigError, match="target is 'lion'"):
        model.reset_threshold("lion")


def test_the_command(model, tmp_path, capsys):
    path = str(model.save(tmp_path / "model"))
    assert main(["threshold", path, "--target", "sold", "--metric", "f1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("yes is predicted from a probability of 0.")
    assert "f1 0." in out
    threshold = md.load(path).trust.decisions["sold"].thresholds[0]
    assert main(["threshold", path]) == 0
    assert f"{threshold:.4g}" in capsys.readouterr().out
    assert main(["threshold", path, "--costs", '{"yes": {"no": 5}}']) == 0
    assert md.load(path).trust.decisions["sold"].costs.tolist() == [[0, 1], [5, 0]]
    assert main(["threshold", path, "--reset"]) == 0
    assert not md.load(path).trust.decisions
    assert main(["threshold", path, "--at", "2"]) == 2
    assert "--at must be between 0 and 1" in capsys.readouterr().err
    assert main(["threshold", path, "--costs", "{"]) == 2
    assert "--costs is neither JSON" in capsys.readouterr().err
