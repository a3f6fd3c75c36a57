"""Corrections of numbers whose logarithms were fitted, against log-normal numbers of known means."""

import numpy as np
import pytest

import medley as md
from medley.errors import ArtifactError
from medley.heads import CountHead, RegressionHead
from medley.trust.calibration import calibrated
from medley.trust.fit_mean_correction import fit_mean_correction
from medley.trust.mean_correction import MeanCorrection
from medley.trust.validation import TaskPredictions


def log_normal(rows, deviation, *, head=None, seed=0, tilt=0.0):
    """Numbers whose mean logarithms are predicted exactly; their deviations may grow with these."""
    rng = np.random.default_rng(seed)
    logarithm = rng.normal(size=rows)
    deviations = deviation * np.exp(tilt * logarithm)
    numbers = np.exp(logarithm + deviations * rng.normal(size=rows))
    codec = (head or RegressionHead(scale="log")).codec().fit(numbers)
    raw = (logarithm[:, None] - codec.mean) / codec.deviation
    return TaskPredictions(codec, codec.encode(numbers), raw.astype("float32")), np.exp(logarithm + deviations**2 / 2)


def test_geometric_means_become_means():
    predictions, means = log_normal(4000, 0.8)
    correction, check = fit_mean_correction(predictions)
    corrected = predictions.codec.decode(correction.apply(predictions.raw))
    assert np.average(corrected) == pytest.approx(np.average(predictions.targets), rel=0.02)
    assert np.median(corrected / means) == pytest.approx(1, rel=0.1)
    assert np.median(predictions.predictions / means) < 0.75
    assert check["squared_error_calibrated"] < check["squared_error"]


def test_the_factor_may_depend_on_the_number():
    predictions, means = log_normal(8000, 0.5, tilt=0.4)
    correction, check = fit_mean_correction(predictions)
    assert (check["method"], correction.slope[0] > 1.02) == ("power", True)
    corrected = predictions.codec.decode(correction.apply(predictions.raw))
    factor = predictions.predictions * np.mean(means) / np.mean(predictions.predictions)
    assert np.mean((corrected - means) ** 2) < np.mean((factor - means) ** 2)


@pytest.mark.parametrize("rows", [60, 199, 400, 999])
def test_few_rows_do_not_decide(rows):
    corrections = []
    for seed in range(10):
        predictions, means = log_normal(rows, 1.0, seed=seed)
        correction, _ = fit_mean_correction(predictions)
        if correction is not None:
            assert correction.method == "factor"
            assert np.median(predictions.codec.decode(correction.apply(predictions.raw)) / means) > 0.7
            corrections.append(correction)
    assert len(corrections) >= 8 if rows >= 200 else not corrections


def test_exact_predictions_stay_as_they_are():
    predictions, _ = log_normal(300, 0.0)
    correction, _ = fit_mean_correction(predictions)
    assert correction is None or np.allclose(correction.apply(predictions.raw), predictions.raw, atol=0.01)


@pytest.mark.parametrize(
    "head",
    [
        RegressionHead(scale="linear"),
        RegressionHead(scale="log", loss="mae"),  # a median of logarithms is the logarithm of the median
        RegressionHead(scale="log", loss=lambda output, target: (output - target).square().mean(1)),
        RegressionHead(scale="log", quantiles=[0.5]),
    ],
)
def test_what_is_no_mean_of_logarithms_is_not_corrected(head):
    codec = head.codec().fit(np.exp(np.random.default_rng(0).normal(size=100)))
    predictions = TaskPredictions(codec, codec.encode([1.0] * 100), np.ones((100, 1), "float32"))
    assert fit_mean_correction(predictions) == (None, None)


def test_only_logarithmic_columns_of_a_vector_are_corrected():
    rng = np.random.default_rng(0)
    numbers = np.stack([np.exp(rng.normal(size=500)), rng.normal(size=500) + 9], axis=1)
    codec = RegressionHead(scale="auto").codec().fit(numbers)
    predictions = TaskPredictions(codec, codec.encode(numbers), rng.normal(size=(500, 2)).astype("float32") / 9)
    correction, _ = fit_mean_correction(predictions)
    assert correction.intercept[0] > 0
    assert (correction.slope[1], correction.intercept[1]) == (1, 0)


def test_a_restored_correction_belongs_to_its_target():
    log, linear = (RegressionHead(scale=scale).codec().fit([1.0, 2.0, 9.0]) for scale in ("log", "linear"))
    state = MeanCorrection(np.array([1.1]), np.array([0.2])).state()
    assert MeanCorrection.restore(state, log).state() == state
    for wrong in ({**state, "slope": np.array([99.0])}, {**state, "slope": np.ones(2)}, {"slope": np.ones(1)}):
        with pytest.raises(ArtifactError):
            MeanCorrection.restore(wrong, log)
    for codec in (linear, CountHead().codec().fit([1, 2, 3])):
        with pytest.raises(ArtifactError, match="logarithms"):
            MeanCorrection.restore(state, codec)


def test_rows_without_inputs_keep_the_prior():
    codec = RegressionHead(scale="log").codec().fit([1.0, 2.0, 9.0])
    raw = np.array([codec.prior, [0.5]], "float32")
    result = calibrated(MeanCorrection(np.ones(1), np.ones(1)), codec, raw)
    assert result[:, 0].tolist() == [codec.prior[0], 1.5]


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    """A table whose target has a long tail, and a model of it."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=400)
    price = np.exp(size + 0.9 * rng.normal(size=400))
    model = md.fit({"size": size, "price": price}, "price", max_trials=1, epochs=8, verbose=0)
    model.save(folder := tmp_path_factory.mktemp("skewed") / "model")
    return model, {"size": size, "price": price}, folder


def test_predictions_have_the_mean_of_the_targets(skewed):
    model, table, _ = skewed
    assert model.metadata["calibration"]["price"]["method"]
    raw = model.predict(table, calibrated=False)["price"]
    assert raw.mean() < 0.85 * np.mean(table["price"])
    assert model.predict(table)["price"].mean() == pytest.approx(np.mean(table["price"]), rel=0.1)


def test_every_way_to_predict_and_to_measure_gives_the_corrected_numbers(skewed):
    import medley.runtime

    model, table, folder = skewed
    price = model.predict(table)["price"].to_numpy()
    assert np.array_equal(md.load(folder).predict(table)["price"], price)
    assert model.predictor()({"size": table["size"][0]})["price"] == pytest.approx(price[0], rel=1e-5)
    assert model.evaluate(table)["mean_squared_error"] == pytest.approx(
        np.mean((price - table["price"]) ** 2), rel=1e-4
    )
    interval = model.predict(table, interval=0.05)
    assert ((interval["price_low"] <= interval["price"]) & (interval["price"] <= interval["price_high"])).all()
    file = folder.parent / "price.onnx"
    model.export(file)
    assert medley.runtime.load(file).predict(table)["price"].to_numpy() == pytest.approx(price, rel=1e-4)
