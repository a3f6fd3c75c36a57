"""Skewed numbers are fitted on a logarithmic scale; predictions are in the target's unit."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from medley.core.metric import RowMetric
from medley.errors import ConfigError, DataError
from medley.heads import RegressionHead
from medley.heads.numbers import NumberCodec
from medley.heads.scales import Scale

RNG = np.random.default_rng(0)
PRICES = np.exp(RNG.normal(12, 1, 400))
MILD = RNG.normal(50, 9, 400)
COLUMNS = hnp.arrays(np.float64, (60, 2), elements=st.one_of(st.just(0.0), st.floats(1e-3, 1e6)))


@pytest.mark.parametrize(
    ("values", "is_log"),
    [
        (PRICES, True),
        (PRICES * 1e-9, True),
        (MILD, False),
        (RNG.uniform(1, 100, 400), False),
        (PRICES[:49], False),
        (np.append(PRICES, 0.0), False),
        (np.append(PRICES, -1.0), False),
        (-PRICES, False),
        (1e6 + RNG.exponential(1.0, 400), False),
        (np.full(400, 3.0), False),
        (RNG.integers(1, 6, 400), False),
    ],
)
def test_auto_selects_logarithms_for_skewed_numbers(values, is_log):
    assert RegressionHead().codec().fit(values).scale.log.tolist() == [is_log]
    assert not RegressionHead(scale="linear").codec().fit(values).scale.log.any()


def test_each_column_has_its_own_scale():
    both = np.stack([MILD, PRICES], 1)
    both[3, 1] = np.nan
    codec = RegressionHead().codec().fit(both)
    assert codec.scale.log.tolist() == [False, True]
    encoded = codec.encode(both).array
    np.testing.assert_allclose(encoded[:, 0], (MILD - MILD.mean()) / MILD.std(), rtol=1e-4)
    logs = np.log(both[:, 1])
    observed = ~np.isnan(logs)
    np.testing.assert_allclose(
        encoded[observed, 1], ((logs - np.nanmean(logs)) / np.nanstd(logs))[observed], rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(codec.decode(encoded[:, :2])[observed], both[observed], rtol=1e-4)


@given(COLUMNS, hnp.arrays(np.float64, (5, 2), elements=st.floats(-1e7, 1e7, allow_subnormal=False)))
def test_the_scale_is_invertible_for_any_number(values, others):
    scale = Scale.learn(values, "log")
    for numbers in (values, others):
        scaled = scale.transform(numbers)
        assert np.isfinite(scaled).all()
        np.testing.assert_allclose(scale.inverse_transform(scaled), numbers, rtol=1e-6, atol=1e-6)
    line = np.linspace(-1e6, 1e7, 999)[:, None] + np.zeros(2)
    assert (np.diff(scale.transform(line), axis=0) > 0).all()
    assert np.isfinite(scale.inverse_transform(np.array([[1e4, -1e4]]))).all()


def test_the_smallest_floats_stay_finite():
    scale = Scale.learn(np.full((3, 1), 1e-304), "log")
    assert np.isfinite(scale.transform(np.array([[1e-304], [0.0], [1e300], [-1e300]]))).all()


def test_zeros_are_distinguished_without_dominating():
    codec = RegressionHead(scale="log").codec().fit(np.append(PRICES, [0.0] * 100))
    zero, median, top = codec.encode([0.0, float(np.median(PRICES)), float(PRICES.max())]).array[:, 0]
    assert median - zero < top - median
    np.testing.assert_allclose(codec.decode(np.array([[zero]])), 0, atol=1e-2)


def test_negative_numbers_and_unknown_scales_are_errors():
    with pytest.raises(DataError, match=r'got -2 in column 0. Use scale="linear"'):
        RegressionHead(scale="log").codec().fit([1.0, -2.0])
    with pytest.raises(ConfigError, match="scale must be one of 'auto', 'linear', 'log', got 'sqrt'"):
        RegressionHead(scale="sqrt")


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh"])
def test_the_prior_is_the_best_constant_on_the_scale(loss):
    head = RegressionHead(loss=loss)
    codec = head.codec().fit(PRICES)
    target, losses = torch.from_numpy(codec.encode(PRICES).array), head.loss_function(codec)

    def constant(shift):
        return losses(torch.as_tensor(codec.prior + shift, dtype=torch.float32).expand(len(target), 1), target).mean()

    assert all(constant(0.0) <= constant(shift) + 1e-7 for shift in (-0.05, 0.05))
    middle = np.median(PRICES) if loss == "mae" else np.exp(np.log(PRICES).mean())
    if loss in ("mse", "mae"):
        np.testing.assert_allclose(codec.decode(codec.prior[None]), middle, rtol=1e-4)


@pytest.mark.parametrize("values", [PRICES, np.stack([MILD, PRICES], 1)])
def test_metrics_are_in_the_targets_unit(values):
    predicted = values * np.exp(0.3 * RNG.normal(size=values.shape))
    oracles = {
        "mse": metrics.mean_squared_error,
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
        "mape": lambda true, predicted: 100 * metrics.mean_absolute_percentage_error(true, predicted),
        "r2": metrics.r2_score,
        "pearson": lambda true, predicted: np.mean(
            [np.corrcoef(a, b)[0, 1] for a, b in zip(np.atleast_2d(true.T), np.atleast_2d(predicted.T), strict=True)]
        ),
    }
    head = RegressionHead(metrics=list(oracles))
    codec = head.codec().fit(values)
    raw, target = codec.encode(predicted).array[:, : len(codec.mean)], codec.encode(values).array
    for name, metric in head.metric_functions(codec).items():
        if isinstance(metric, RowMetric):
            actual = metric.finish(float(metric.rows(torch.from_numpy(raw), torch.from_numpy(target)).double().mean()))
        else:
            actual = metric.score(raw, target, None)
        expected = (
            metrics.mean_squared_error(values, predicted) ** 0.5 if name == "rmse" else oracles[name](values, predicted)
        )
        assert actual == pytest.approx(expected, rel=1e-3), name


def test_the_scale_is_restored_from_its_state():
    both = np.stack([MILD, PRICES], 1)
    codec = RegressionHead().codec().fit(both)
    state = codec.state()
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    plain = json.loads(json.dumps({key: value for key, value in state.items() if key not in arrays}))
    again = NumberCodec().restore({**plain, **arrays})
    np.testing.assert_array_equal(again.encode(both).array, codec.encode(both).array)
    raw = RNG.normal(size=(5, 2))
    np.testing.assert_array_equal(again.decode(raw), codec.decode(raw))
