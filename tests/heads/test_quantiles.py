"""Quantiles of numbers: against scikit-learn's pinball loss, NumPy's quantiles, and known distributions."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

import medley as md
from medley.core.spec import Spec
from medley.errors import ArtifactError, ConfigError, DataError
from medley.heads.quantiles import QuantileCodec
from medley.testing.heads import check_head

LEVELS = (0.1, 0.5, 0.9)


def test_it_is_a_head():
    labels = [float(value) for value in np.random.default_rng(0).normal(10, 3, 24).round(2)]
    check_head(md.RegressionHead(quantiles=[0.2, 0.5, 0.7], dropout=0.0), [Spec((5,), "D")], labels)


def test_loss_and_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    price = rng.normal(20, 5, 200)
    head = md.RegressionHead(quantiles=LEVELS, metrics=["pinball", "coverage", "mae", "r2"], scale="linear")
    codec = head.codec().fit(price)
    raw = rng.normal(size=(200, 3)).astype("float32")
    target = torch.from_numpy(codec.encode(price).array)
    quantiles = codec.probabilities(raw)
    expected = np.mean(
        [mean_pinball_loss(price, quantiles[:, place], alpha=level) for place, level in enumerate(LEVELS)]
    )
    metrics = head.metric_functions(codec)
    measured = {
        name: float(metric.rows(torch.from_numpy(raw), target).mean())
        for name, metric in metrics.items()
        if name != "r2"
    }
    assert measured["pinball"] == pytest.approx(expected, rel=1e-5)
    assert measured["coverage"] == pytest.approx(np.mean((quantiles[:, 0] <= price) & (price <= quantiles[:, 2])))
    assert measured["mae"] == pytest.approx(np.abs(codec.decode(raw) - price).mean(), rel=1e-5)
    unexplained = ((codec.decode(raw) - price) ** 2).sum() / ((price - price.mean()) ** 2).sum()
    assert metrics["r2"].score(raw, target.numpy(), None) == pytest.approx(1 - unexplained, rel=1e-4)
    loss = head.loss_function(codec)(torch.from_numpy(np.sort(raw, axis=1)), target)
    assert float(loss.mean()) * price.std() == pytest.approx(expected, rel=1e-5)


def test_the_prior_holds_the_quantiles_and_outputs_never_cross():
    price = np.exp(np.random.default_rng(0).normal(size=501))
    codec = QuantileCodec(LEVELS, "log").fit(price)
    np.testing.assert_allclose(codec.probabilities(codec.prior[None])[0], np.quantile(price, LEVELS), rtol=0.02)
    crossing = codec.probabilities(np.array([[1.0, -1.0, 0.0]]))
    assert (np.diff(crossing) > 0).all()
    assert codec.decode(np.array([[1.0, -1.0, 0.0]]))[0] == crossing[0, 1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"quantiles": [0.5, 0.1]}, "ascending"),
        ({"quantiles": [0, 0.5]}, "between 0 and 1"),
        ({"quantiles": 0.5}, "between 0 and 1"),
        ({"quantiles": []}, "between 0 and 1"),
        ({"quantiles": [0.5], "loss": "mae"}, "another loss"),
        ({"metrics": ["pinball"]}, "'pinball' is not known"),
    ],
)
def test_wrong_arguments_are_errors(arguments, problem):
    with pytest.raises(ConfigError, match=problem):
        md.RegressionHead(**arguments)


def test_several_columns_and_hostile_states_are_errors():
    with pytest.raises(DataError, match="Quantiles are predicted of one number per row"):
        QuantileCodec(LEVELS).fit(np.zeros((5, 2)))
    codec = QuantileCodec(LEVELS).fit([1.0, 2.0, 3.0])
    state = codec.state()
    assert QuantileCodec([0.5]).restore(state).decode(codec.prior[None]) == codec.decode(codec.prior[None])
    for changed in ({"levels": [0.5, 0.1, 0.2]}, {"levels": [0.5]}, {"quantile_prior": np.zeros(2)}, {"levels": "x"}):
        with pytest.raises(ArtifactError):
            QuantileCodec([0.5]).restore({**state, **changed})


def test_tables_get_a_column_per_quantile(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    frame = pd.DataFrame({"x": x, "price": 5 + x + np.exp(x / 2) * rng.normal(size=400)})
    heads = {"price": md.RegressionHead(quantiles=LEVELS, metrics=["pinball", "coverage"])}
    model = md.fit(frame, heads, max_trials=1, epochs=4, verbose=0)
    predicted = model.predict(frame, interval=0.8)
    names = ["price", "price_q10", "price_q50", "price_q90", "price_low", "price_high"]
    assert list(predicted.columns) == names
    assert (predicted.price == predicted.price_q50).all()
    assert (predicted.price_q10 <= predicted.price_q50).all()
    assert (predicted.price_q50 <= predicted.price_q90).all()
    inside = (predicted.price_q10 <= frame.price) & (frame.price <= predicted.price_q90)
    assert 0.7 < inside.mean() < 0.9
    assert model.metadata["scores"]["val_coverage"] == pytest.approx(0.8, abs=0.1)
    assert ((predicted.price_low <= frame.price) & (frame.price <= predicted.price_high)).mean() > 0.75
    assert list(model.predict_proba(frame).columns) == ["price_q10", "price_q50", "price_q90"]
    loaded = md.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(frame, interval=0.8), predicted)
