"""Ordered classes: order, types, probabilities, losses and metrics."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from medley.core.spec import Spec, vector
from medley.errors import ConfigError, DataError, NotFittedError
from medley.heads import ClassificationHead, OrderedHead
from medley.heads.losses import ordered_logarithms, ordered_losses
from medley.heads.masked import task_loss
from medley.heads.ordered_classes import OrderedCodec

SIZES = ["low", "mid", "high"]
LOGITS = st.lists(st.floats(-30, 30), min_size=3, max_size=3)


def logits_of(indices, classes):
    """Logits whose most probable classes are these."""
    return np.where(np.arange(classes - 1) < np.asarray(indices)[:, None], 9.0, -9.0)


@pytest.mark.parametrize(
    ("values", "order", "expected"),
    [
        ([3, 1, None, 2], None, [1, 2, 3]),
        (np.array([5.0, np.nan, 4.0]), None, [4.0, 5.0]),
        (["10", "9", "1"], None, ["1", "9", "10"]),
        ([True, False], None, [False, True]),
        (["mid", "low", None], SIZES, SIZES),
        (np.array(["mid", "low"]), SIZES, SIZES),
        (pd.Series(pd.Categorical(["mid", None, "low"], SIZES, ordered=True)), None, SIZES),
        (pd.Categorical(["mid", "low"], SIZES, ordered=True), None, SIZES),
        (pd.DataFrame({"size": pd.Categorical(["mid", "low"], SIZES, ordered=True)}), None, SIZES),
        ([2, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([[2], [5]], None, [2, 5]),
    ],
)
def test_the_order_and_the_type_of_labels_are_restored(values, order, expected):
    codec = OrderedCodec(order).fit(values)
    assert codec.labels == expected
    encoded = codec.encode(values)
    decoded = codec.decode(logits_of(encoded.array, len(expected)))
    plain = np.asarray(values, dtype=object)
    observed = ~pd.isna(plain).reshape(len(plain), -1)[:, 0]
    assert encoded.present.tolist() == observed.tolist()
    assert decoded.shape == plain.shape
    assert decoded[observed].tolist() == plain[observed].tolist()
    assert codec.values(encoded.array)[observed].tolist() == plain[observed].tolist()


@pytest.mark.parametrize(
    ("values", "order", "message"),
    [
        (SIZES, None, r"order of 'high', 'low', 'mid' is unknown.*order=\["),
        (pd.Series(SIZES, dtype="category"), None, "is unknown"),
        (["low", "hgih"], SIZES, r"does not contain 'hgih'.*Did you mean 'high'"),
        ([1, 1], None, "at least 2 classes, but got 1"),
        ([None, None], SIZES, "All labels are missing"),
        ([[1, 0], [0, 1]], None, r"shape \(B,\) or \(B, 1\)"),
        (np.random.default_rng(0).normal(size=99), None, "Use RegressionHead"),
    ],
)
def test_labels_without_an_order_are_errors(values, order, message):
    with pytest.raises(DataError, match=message):
        OrderedCodec(order).fit(values)


def test_an_unseen_label_and_an_unfitted_codec_are_errors():
    with pytest.raises(DataError, match="'huge' in row 1"):
        OrderedCodec(SIZES).fit(SIZES).encode(["low", "huge"])
    with pytest.raises(NotFittedError):
        OrderedCodec().encode([1])


@given(st.lists(LOGITS, min_size=1, max_size=5))
def test_probabilities_are_valid_for_any_logits(rows):
    raw = np.array(rows)
    codec = OrderedCodec().fit([1, 2, 3, 4])
    predicted = codec.probabilities(raw)
    assert (predicted >= 0).all()
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    np.testing.assert_allclose(ordered_logarithms(torch.tensor(raw)).exp().numpy(), predicted, atol=1e-12)
    # The median: less than half lies below it, at least half at or below it.
    below = np.concatenate([np.zeros((len(raw), 1)), predicted.cumsum(axis=1)], axis=1)
    indices = codec.predicted_indices(raw)[:, None]
    assert (np.take_along_axis(below, indices, 1) < 0.5 + 1e-9).all()
    assert (np.take_along_axis(below, indices + 1, 1) > 0.5 - 1e-9).all()


def test_the_prior_contains_the_class_frequencies():
    codec = OrderedCodec().fit([1, 1, 1, 2, 3, 3, None])
    np.testing.assert_allclose(codec.probabilities(codec.prior[None]), [[3 / 6, 1 / 6, 2 / 6]], rtol=1e-5)
    weighted = OrderedCodec(class_weight="balanced").fit([1, 1, 1, 2, 3, 3])
    np.testing.assert_allclose(weighted.probabilities(weighted.prior[None]), [[1 / 3] * 3], rtol=1e-5)


def test_the_state_can_be_stored_as_json():
    codec = OrderedCodec(SIZES, class_weight={"mid": 2.0}).fit(["low", "high", "mid"])
    state = codec.state()
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    plain = json.loads(json.dumps({key: value for key, value in state.items() if key not in arrays}))
    restored = OrderedCodec(SIZES, class_weight={"mid": 2.0}).restore({**plain, **arrays})
    assert restored.labels == SIZES
    assert restored.decode(codec.prior[None]) == codec.decode(codec.prior[None])
    assert restored.weights.tolist() == [1, 2, 1]


def test_class_weights_and_a_custom_loss():
    codec = OrderedCodec(SIZES, class_weight={"high": 3.0}).fit(SIZES)
    raw, target = torch.randn(3, 2), torch.tensor([0, 1, 2])
    plain = -ordered_logarithms(raw)[range(3), range(3)]
    torch.testing.assert_close(ordered_losses(None, codec)(raw, target), plain * torch.tensor([1.0, 1.0, 3.0]))
    custom = ordered_losses(torch.nn.functional.cross_entropy, codec)(raw, target)
    torch.testing.assert_close(custom, plain * torch.tensor([1.0, 1.0, 3.0]))


def test_unobserved_rows_give_no_gradient():
    codec = OrderedCodec().fit([1, 2, 3])
    raw = torch.tensor([[1.0, 2.0], [torch.inf, torch.nan]], requires_grad=True)
    task_loss(ordered_losses(None, codec), raw, torch.tensor([1, 0]), torch.tensor([True, False])).backward()
    assert raw.grad[1].tolist() == [0, 0]
    assert raw.grad[0].abs().sum() > 0


def test_metrics_match_references():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    weight = rng.random(200)
    names = ["accuracy", "mae", "qwk", "within_one", "balanced_accuracy", "crossentropy"]
    head = OrderedHead(metrics=names)
    codec = head.codec().fit([1, 2, 3, 4])
    metrics = head.metric_functions(codec)
    raw = logits_of(predicted, 4)
    rows = {name: metrics[name].rows(torch.tensor(raw), torch.tensor(true)).mean() for name in names[:2]}
    assert rows["accuracy"] == pytest.approx((true == predicted).mean())
    assert rows["mae"] == pytest.approx(np.abs(true - predicted).mean())
    near = metrics["within_one"].rows(torch.tensor(raw), torch.tensor(true)).mean()
    assert near == pytest.approx((np.abs(true - predicted) < 2).mean())
    for mass in (None, weight):
        expected = cohen_kappa_score(true, predicted, weights="quadratic", sample_weight=mass)
        assert metrics["qwk"].score(raw, true, mass) == pytest.approx(expected)
    assert np.isnan(metrics["qwk"].score(logits_of([1, 1], 4), np.array([1, 1]), None))
    prior = torch.tensor(codec.prior).expand(200, -1)
    assert metrics["crossentropy"].rows(prior, torch.tensor(true)).mean() == pytest.approx(np.log(4), rel=1e-5)
    names = ["accuracy", "mean_absolute_error", "quadratic_weighted_kappa"]
    assert list(OrderedHead().metric_functions(codec)) == names


def test_errors_are_reported_together():
    with pytest.raises(ConfigError, match=r"(?s)5 errors.*focal.*rmse.*dropout.*class_weight.*order"):
        OrderedHead(loss="focal", metrics=["rmse"], dropout=2.0, class_weight=3, order=["a"])
    with pytest.raises(ConfigError, match="order must be a list"):
        OrderedHead(order="low<high")
    with pytest.raises(ConfigError, match="needs a codec from its codec"):
        OrderedHead().loss_function(ClassificationHead().codec())


def test_order_helps_for_rare_classes():
    """Five intervals of one feature: learned by an ordered head, but not by a linear layer for unordered classes."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 400)
    labels = np.digitize(x + 0.05 * rng.normal(size=400), [-0.8, -0.7, 0.0, 0.1])
    features, predicted = torch.tensor(x, dtype=torch.float32)[:, None], {}
    for name, head in {"ordered": OrderedHead(dropout=0.0), "classes": ClassificationHead(dropout=0.0)}.items():
        codec = head.codec().fit(labels)
        torch.manual_seed(0)
        module, losses = head.build(vector(1), codec), head.loss_function(codec)
        optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
        target = torch.from_numpy(codec.encode(labels).array)
        for _ in range(150):
            optimiser.zero_grad()
            losses(module(features), target).mean().backward()
            optimiser.step()
        predicted[name] = float(np.abs(codec.decode(module(features).detach().numpy()) - labels).mean())
    assert predicted["ordered"] < predicted["classes"]


def test_the_head_reads_feature_maps():
    codec = OrderedCodec().fit([1, 2, 3])
    assert OrderedHead(dropout=0.5).build(Spec((3, 4, 4), "CHW"), codec)(torch.zeros(2, 3, 4, 4)).shape == (2, 2)
