"""What users get: intervals, sets of classes and calibrated probabilities, from a model, its file and its export."""

import copy

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley import runtime
from medley.errors import ConfigError
from medley.trust.calibration import Calibration

SIZE = 240


def rows(seed, size=SIZE):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=size)
    noise = rng.normal(size=size)
    return pd.DataFrame(
        {
            "size": x,
            "colour": rng.choice(["red", "green"], size),
            "price": 10 + 3 * x + noise * np.exp(x / 2),
            "kind": np.where(x + noise > 0.5, "cat", np.where(x + noise > -0.5, "dog", "cow")),
            "tags": np.where(noise > 0, "a;b", "a"),
        }
    )


@pytest.fixture(scope="module")
def model():
    return md.fit(rows(0), ["price", "kind", "tags"], max_trials=1, epochs=2, verbose=0)


def test_intervals_and_sets_cover_new_rows(model):
    new = rows(1, 1000)
    frame = model.predict(new, interval=0.8)
    assert list(frame.columns) == [
        *("price", "price_low", "price_high", "kind", "kind_probability", "kind_set", "tags")
    ]
    assert ((frame.price_low <= frame.price) & (frame.price <= frame.price_high)).all()
    assert ((frame.price_low <= new.price) & (new.price <= frame.price_high)).mean() == pytest.approx(0.8, abs=0.07)
    assert np.mean([kind in kinds for kind, kinds in zip(new.kind, frame.kind_set, strict=True)]) > 0.73
    assert all(kind in kinds for kind, kinds in zip(frame.kind, frame.kind_set, strict=True))
    wider = model.predict(new, interval=0.95)
    assert (wider.price_high >= frame.price_high).all()
    assert model.predict(new.iloc[:0], interval=0.8).columns.tolist() == frame.columns.tolist()


def test_calibration_changes_probabilities_and_not_predictions(model):
    model = copy.deepcopy(model)
    model.trust.calibrations.clear()
    plain = model.predict(rows(1), proba=True)
    model.trust.calibrations["kind"] = Calibration(np.full(3, 0.1), np.zeros(3))
    soft, raw = model.predict(rows(1), proba=True), model.predict(rows(1), proba=True, calibrated=False)
    pd.testing.assert_frame_equal(raw, plain)
    assert soft.kind.equals(plain.kind)
    assert (soft.kind_probability < plain.kind_probability).all()
    assert (soft.kind_probability == soft[["kind_cat", "kind_cow", "kind_dog"]].max(axis=1)).all()
    assert model.predict_proba(rows(1)).equals(soft.drop(columns=["kind", "kind_probability", "tags"]))


def test_what_was_measured_is_in_the_metadata(model):
    checks = model.metadata["calibration"]
    assert checks["kind"]["rows"] == SIZE
    assert checks["kind"]["log_loss"] == pytest.approx(model.metadata["scores"]["val_kind_loss"], rel=1e-3)
    assert set(checks) == {"kind", "tags"}


def test_saved_and_exported_models_answer_the_same(model, tmp_path):
    model = copy.deepcopy(model)
    model.trust.calibrations["kind"] = Calibration(np.full(3, 0.5), np.array([0.1, -0.2, 0.0]))
    expected = model.predict(rows(1), interval=0.9, proba=True)
    loaded = md.load(model.save(tmp_path / "model", examples=False))
    pd.testing.assert_frame_equal(loaded.predict(rows(1), interval=0.9, proba=True), expected)
    exported = runtime.load(model.export(tmp_path / "model.onnx"))
    pd.testing.assert_frame_equal(exported.predict(rows(1), interval=0.9, proba=True), expected, rtol=1e-3, atol=1e-3)
    answer = exported.predictor(interval=0.9)({"size": 1.0, "colour": "red"})
    assert answer["price_low"] < answer["price"] < answer["price_high"]
    assert answer["kind"] in answer["kind_set"]


def test_arrays_get_tuples():
    x = np.random.default_rng(0).normal(size=(100, 2))
    y = {"price": x[:, 0], "kind": x[:, 1] > 0}
    heads = [md.RegressionHead(name="price"), md.ClassificationHead(name="kind")]
    auto = md.AutoModel(md.StructuredDataInput(), heads, max_trials=1)
    auto.fit(x, y, epochs=1, verbose=0)
    price, kind = auto.model.predict(x[:5], interval=0.5)
    assert (price.low <= price.prediction).all()
    assert kind.members.shape == (5, 2)
    assert auto.model.predict(x[:0], interval=0.5)[0].low.shape == (0,)


@pytest.mark.parametrize("interval", [0, 1, 90, "0.9", True])
def test_a_level_is_a_probability(model, interval):
    with pytest.raises(ConfigError, match="interval must be a probability between 0 and 1"):
        model.predict(rows(1), interval=interval)


def test_promises_that_cannot_be_kept_are_refused(model):
    with pytest.raises(ConfigError) as caught:
        model.predict(rows(1), interval=0.999)
    assert "price: interval=0.999 needs 999 independent validation rows" in str(caught.value)
    assert "kind: interval=0.999" in str(caught.value)
    model = copy.deepcopy(model)
    model.trust.conformal.clear()
    with pytest.raises(ConfigError, match="price: the model knows no interval"):
        model.predict(rows(1), interval=0.9)


def test_the_report_shows_what_calibration_has_changed(model, tmp_path):
    text = model.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "(validation rows, cross-checked)" in text
    assert f"{model.metadata['calibration']['kind']['log_loss']:.4g}" in text
