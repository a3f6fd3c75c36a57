"""Losses compared with references, non-negative predictions, and when the table API selects the count head."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import medley as md
from medley.errors import ConfigError, DataError
from medley.heads.counts import CountCodec, CountHead, negative_binomial_deviance, poisson_deviance
from medley.heads.masked import task_loss
from medley.tables.columns.targets import infer_target
from medley.testing import check_block

COUNTS = [0, 3, 1, 0, 7, 2, 12, 1, 0, 5]


def codec_and_losses(head, counts, rates):
    codec = head.codec().fit(counts)
    raw = torch.tensor(np.log(np.asarray(rates) / codec.mean), dtype=torch.float32).reshape(len(rates), -1)
    return codec, head.loss_function(codec)(raw, torch.from_numpy(codec.encode(counts).array))


def test_the_poisson_loss_equals_that_of_torch_up_to_a_constant_per_row():
    rates = np.linspace(0.5, 9, len(COUNTS))
    codec, losses = codec_and_losses(CountHead(), COUNTS, rates)
    count, rate = torch.tensor(COUNTS, dtype=torch.float32), torch.tensor(rates, dtype=torch.float32)
    expected = torch.nn.PoissonNLLLoss(log_input=False, reduction="none", eps=0)
    saturated = torch.where(count > 0, expected(count.clamp(min=1e-30), count), 0.0)
    torch.testing.assert_close(losses * float(codec.mean[0]), expected(rate, count) - saturated, rtol=1e-4, atol=1e-4)


def test_the_negative_binomial_loss_equals_the_likelihood_of_torch_up_to_a_constant_per_row():
    rates = np.linspace(0.5, 9, len(COUNTS))
    codec, losses = codec_and_losses(CountHead(loss="nb"), COUNTS, rates)
    alpha, count = float(codec.dispersion[0]), torch.tensor(COUNTS, dtype=torch.float64)

    def log_likelihood(rate):
        return torch.distributions.NegativeBinomial(1 / alpha, probs=alpha * rate / (1 + alpha * rate)).log_prob(count)

    best = log_likelihood(count.clamp(min=1e-12))
    expected = best - log_likelihood(torch.tensor(rates))
    torch.testing.assert_close(losses.double() * float(codec.mean[0]), expected, rtol=1e-4, atol=1e-4)


def test_metrics_match_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rates = np.linspace(0.5, 9, len(COUNTS))
    head = CountHead()
    codec = head.codec().fit(COUNTS)
    raw = torch.tensor(np.log(rates / codec.mean[0]), dtype=torch.float32)[:, None]
    target = torch.from_numpy(codec.encode(COUNTS).array)
    scores = {name: float(metric.rows(raw, target).mean()) for name, metric in head.metric_functions(codec).items()}
    assert scores["deviance"] == pytest.approx(metrics.mean_poisson_deviance(COUNTS, rates), rel=1e-5)
    assert scores["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(COUNTS, rates), rel=1e-5)


def test_deviances_at_golden_values():
    # 2 (3 ln(3/2) - 1), and 2 (3 ln(3/2) - 5 ln(5/4)) for alpha = 1/2: by hand.
    log, count = torch.tensor([[np.log(2.0)]]), torch.tensor([[3.0]], dtype=torch.float64)
    unit, half = torch.ones(1, dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    assert float(poisson_deviance(log, count)) == pytest.approx(0.43279064864)
    assert float(negative_binomial_deviance(log, count, unit, half)) == pytest.approx(0.20135513549)


@pytest.mark.parametrize("loss", ["poisson", "negative_binomial"])
def test_the_head_passes_the_conformance_checks_for_one_and_several_counts(loss):
    pairs = [[row % 4, (row * row) % 7] for row in range(12)]
    check_block(CountHead(loss=loss), targets=[row % 5 for row in range(12)])
    check_block(CountHead(loss=loss), targets=pairs)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.lists(st.floats(-1e30, 1e30), min_size=1))
def test_counts_are_restored_and_predictions_are_never_negative(counts, raw):
    codec = CountCodec().fit(counts)
    np.testing.assert_allclose(codec.values(codec.encode(counts).array), counts, rtol=1e-6, atol=1e-3)
    expected = codec.decode(np.array(raw)[:, None])
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


def test_a_missing_count_adds_no_loss_and_no_gradient():
    head = CountHead()
    codec = head.codec().fit([[1, 2], [3, None], [None, 5]])
    encoded = codec.encode([[None, None], [4, None]])
    assert encoded.present.tolist() == [False, True]
    raw = torch.full((2, 2), 3.0, requires_grad=True)
    loss = task_loss(head.loss_function(codec), raw, torch.from_numpy(encoded.array), torch.from_numpy(encoded.present))
    loss.backward()
    assert raw.grad[0].tolist() == [0.0, 0.0]
    assert raw.grad[1, 0] != 0
    assert raw.grad[1, 1] == 0


def test_members_predict_the_mean_of_their_expected_counts():
    from medley.core.spec import Spec

    head = CountHead(dropout=0.0)
    codec = head.codec().fit(COUNTS)
    module = head.build(Spec((4, 8), "ED"), codec)
    x = torch.randn(3, 4, 8)
    member_predictions = codec.decode(module.train()(x).detach().numpy().reshape(12, 1)).reshape(3, 4)
    np.testing.assert_allclose(codec.decode(module.eval()(x).detach().numpy()), member_predictions.mean(1), rtol=1e-5)


@pytest.mark.parametrize("values", [[1, -2], [0.5, 1], [[1, 2], [3, 4.5]]])
def test_invalid_counts_are_errors_that_name_the_row(values):
    with pytest.raises(DataError, match=r"non-negative whole numbers, got (-2|0.5|4.5) in row [01], column [01]"):
        CountCodec().fit(values)


def test_all_errors_are_reported_together():
    with pytest.raises(ConfigError, match=r"(?s)2 errors:.*'poison'.*Did you mean 'poisson'.*deviance"):
        CountHead(loss="poison", metrics=["devience"])


RNG = np.random.default_rng(0)
RATES = RNG.gamma(1.0, 6.0, 400)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RNG.poisson(RATES), "count"),
        (np.where(RNG.random(400) < 0.1, None, RNG.poisson(RATES)), "count"),
        (RNG.poisson(30.0, 400), "number"),  # not over-dispersed
        (RNG.integers(1, 6, 400), "ordered"),  # ratings
        (RNG.integers(1950, 2020, 400), "number"),  # years
        (np.clip(RNG.normal(40, 12, 400).round(), 1, 99), "number"),  # hours of a week
        (np.where(RNG.random(400) < 0.9, 0, RNG.integers(100, 99_999, 400)), "number"),  # amounts of money
        (RNG.exponential(5, 400), "number"),  # fractions
    ],
)
def test_the_table_api_proposes_the_head_for_over_dispersed_counts_only(values, kind):
    assert infer_target(values, "amount").kind == kind


def test_generated_counts_are_predicted_better_than_by_the_constant_baseline(tmp_path):
    rng = np.random.default_rng(0)
    size, kind = rng.normal(size=600), rng.choice(["a", "b", "c"], 600)
    rate = np.exp(1 + 0.8 * size + (kind == "b"))
    table = {"size": size.round(3), "kind": kind, "visits": rng.poisson(rate)}
    model = md.fit(table, "visits", max_trials=1, epochs=15, seed=0, directory=tmp_path, verbose=0)
    assert isinstance(model.graph.heads["visits"], CountHead)
    assert model.metadata["tasks"]["visits"]["kind"] == "count"
    scores = model.evaluate(table)
    constant = float(2 * np.mean(_xlogy(table["visits"], table["visits"] / table["visits"].mean())))
    assert scores["visits_deviance" if "visits_deviance" in scores else "deviance"] < 0.5 * constant
    predictions = model.predict(table)["visits"]
    assert (predictions >= 0).all()
    again = md.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(table)["visits"], predictions)


def test_column_kinds_selects_the_count_head(tmp_path):
    table = {"size": np.arange(60.0), "visits": np.arange(60) % 4}
    model = md.fit(
        table, "visits", column_kinds={"visits": "count"}, max_trials=1, epochs=1, directory=tmp_path, verbose=0
    )
    assert isinstance(model.graph.heads["visits"], CountHead)


def _xlogy(x, y):
    return np.where(x > 0, x * np.log(np.where(x > 0, y, 1)), 0)
