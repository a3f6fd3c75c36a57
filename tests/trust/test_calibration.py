"""Calibration of probabilities, against known temperatures and scikit-learn's scores."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from medley.errors import ArtifactError
from medley.heads import ClassificationHead, OrderedHead, RegressionHead
from medley.trust.calibration import Calibration, calibrated
from medley.trust.fit_calibration import fit_calibration
from medley.trust.scores import calibration_error, log_losses
from medley.trust.validation import TaskPredictions


def softmax(logits):
    exp = np.exp(logits - logits.max(1, keepdims=True))
    return exp / exp.sum(1, keepdims=True)


def drawn(rng, probabilities):
    return (probabilities.cumsum(1) > rng.random((len(probabilities), 1))).argmax(1)


def task(rows, classes, temperature, bias=0.0, seed=0, weight=None):
    """Predictions whose logits are `temperature` times too large, and lack a bias per class."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(rows, classes))
    probabilities = softmax(logits + bias * rng.normal(size=classes))
    codec = ClassificationHead().codec().fit(np.arange(classes))
    raw = logits * temperature
    if classes == 2:
        raw = raw[:, 1:] - raw[:, :1]
    return TaskPredictions(codec, codec.encode(drawn(rng, probabilities)), raw.astype("float32"), weight), probabilities


@pytest.mark.parametrize("classes", [2, 4])
def test_a_known_temperature_is_found(classes):
    predictions, probabilities = task(4000, classes, 3.0)
    calibration, check = fit_calibration(predictions)
    assert calibration.slope[0] == pytest.approx(1 / 3, rel=0.1)
    assert check["log_loss"] == pytest.approx(log_loss(predictions.targets, predictions.outputs))
    # No calibration is better than the probabilities that the labels were drawn with.
    best = log_loss(predictions.targets, probabilities)
    assert check["log_loss_calibrated"] == pytest.approx(best, rel=0.02)
    assert check["ece_calibrated"] < 0.03 < 0.08 < check["ece"]


def test_structured_scaling_finds_biases_of_classes_and_keeps_the_predicted_class():
    predictions, probabilities = task(5000, 6, 1.5, bias=1.0)
    calibration, check = fit_calibration(predictions)
    assert (calibration.method, check["method"]) == ("structured", "structured")
    after = softmax(calibration.apply(predictions.raw))
    assert (after.argmax(1) == predictions.raw.argmax(1)).all()
    before, best = check["log_loss"], log_loss(predictions.targets, probabilities)
    assert check["log_loss_calibrated"] - best < 0.35 * (before - best)


def test_well_calibrated_probabilities_stay_as_they_are():
    kept = [fit_calibration(task(300, 3, 1.0, seed=seed)[0])[0] for seed in range(20)]
    assert sum(calibration is None for calibration in kept) >= 15  # by chance, some seem to need it


def test_what_has_no_probabilities_or_too_few_rows_is_not_calibrated():
    numbers = RegressionHead().codec().fit([1.0, 2.0])
    assert fit_calibration(TaskPredictions(numbers, numbers.encode([1.0] * 99), np.zeros((99, 1)))) == (None, None)
    ordered = OrderedHead().codec().fit([1, 2, 3])
    assert fit_calibration(TaskPredictions(ordered, ordered.encode([1] * 99), np.zeros((99, 2)))) == (None, None)
    assert fit_calibration(task(30, 2, 5.0)[0]) == (None, None)


def test_rows_of_a_group_are_checked_together():
    # The same 40 rows again and again: with folds of rows, the check would see what was fitted to.
    predictions, _ = task(40, 4, 1.0, seed=3)
    rows = np.tile(np.arange(40), 20)
    encoded = type(predictions.encoded)(predictions.encoded.array[rows], predictions.encoded.present[rows])
    many = TaskPredictions(predictions.codec, encoded, predictions.raw[rows])
    alone, together = fit_calibration(many)[1], fit_calibration(many, rows)[1]
    gains = [check["log_loss"] - check.get("log_loss_calibrated", check["log_loss"]) for check in (alone, together)]
    assert gains[0] > 0.02
    assert gains[1] < gains[0] / 2


def test_sets_of_labels_and_weights():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1000, 3))
    cells = (rng.random((1000, 3)) < 1 / (1 + np.exp(-logits))).astype(float)
    cells[rng.random((1000, 3)) < 0.2] = np.nan
    codec = ClassificationHead(multi_label=True).codec().fit(cells)
    weight = rng.integers(0, 2, 1000).astype("float32")
    raw = np.where(weight[:, None] > 0, 4 * logits, 1e3)  # rows of weight 0 say nothing
    calibration, check = fit_calibration(TaskPredictions(codec, codec.encode(cells), raw, weight))
    assert calibration.slope == pytest.approx([0.25] * 3, rel=0.2)
    assert check["rows"] == int(((weight > 0) & np.isfinite(cells).any(1)).sum())


def test_rows_without_inputs_keep_the_prior():
    codec = ClassificationHead().codec().fit([0, 0, 0, 1])
    raw = np.stack([codec.prior, codec.prior + 1]).astype("float32")
    changed = calibrated(Calibration(np.array([0.5]), np.zeros(1)), codec, raw)
    np.testing.assert_allclose(changed, [raw[0], raw[1] / 2])


def test_scores_are_those_of_the_literature():
    rng = np.random.default_rng(0)
    raw = 3 * rng.normal(size=(200, 4))
    truth = rng.integers(0, 4, 200)
    cells = np.eye(4)[truth]
    expected = log_loss(truth, softmax(raw))
    assert log_losses("multinomial", raw, cells, cells > -1).mean() == pytest.approx(expected)
    # Two predictions of 0.75, one right and one wrong, and two of 0.5, both right: gaps of 0.25 and 0.5.
    raw = np.log([[3.0], [3.0], [1.0 + 1e-9], [1.0 + 1e-9]])
    cells = np.array([[1.0], [0.0], [1.0], [1.0]])
    assert calibration_error("logit", raw, cells, cells > -1) == pytest.approx((0.25 + 0.75 + 0.5 + 0.5) / 4)


@pytest.mark.parametrize(("name", "value"), [("slope", np.zeros(1)), ("slope", np.ones(3)), ("intercept", "lion")])
def test_hostile_states_are_refused(name, value):
    codec = ClassificationHead().codec().fit([0, 1])
    state = Calibration(np.ones(1), np.zeros(1)).state()
    assert Calibration.restore(state, codec).slope.tolist() == [1.0]
    with pytest.raises(ArtifactError):
        Calibration.restore({**state, name: value}, codec)
