"""The forecaster: windows, the order of time, and which rows `predict` tells."""

import inspect

import numpy as np
import pandas as pd
import pytest

from medley.auto.forecaster import TimeseriesForecaster
from medley.errors import ConfigError, DataError, NotFittedError

QUICK = {"epochs": 2, "verbose": 0}


def series(rows=60):
    steps = np.arange(rows)
    x = np.stack([np.sin(steps / 3), np.cos(steps / 5)], 1)
    return x, 100 + 5 * x[:, 0]


def forecaster(folder, **options):
    return TimeseriesForecaster(**{"lookback": 4, "max_trials": 1, "directory": folder, **options})


def test_arguments_stand_where_users_know_them():
    specific = [
        "output_dim",
        "column_names",
        "column_types",
        "lookback",
        "predict_from",
        "predict_until",
        "loss",
        "metrics",
    ]
    search = ["project_name", "max_trials", "directory", "objective", "tuner", "overwrite", "seed", "max_model_size"]
    parameters = inspect.signature(TimeseriesForecaster).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == specific + search


def test_predict_returns_the_rows_after_the_training_rows(tmp_path):
    x, y = series()
    auto = forecaster(tmp_path)
    auto.fit(x[:50], y[:50], **QUICK)
    every = auto.model.predict(x)
    assert auto.predict(x).tolist() == every[50:].tolist()
    assert auto.predict(x[:53]).shape == (3,)


@pytest.mark.parametrize(
    ("first", "last", "rows"), [(1, 3, [50, 51, 52]), (4, None, list(range(53, 60))), (2, 99, None)]
)
def test_predict_from_and_predict_until_select_the_predicted_rows(tmp_path, first, last, rows):
    x, y = series()
    auto = forecaster(tmp_path, predict_from=first, predict_until=last)
    auto.fit(x[:50], y[:50], **QUICK)
    rows = rows or list(range(51, 60))
    # A window that ends at the last row asked for knows nothing of the rows after it.
    assert auto.predict(x).tolist() == auto.model.predict(x)[rows].tolist()


def test_a_prediction_looks_back_and_no_further(tmp_path):
    x, y = series()
    auto = forecaster(tmp_path, lookback=4, predict_until=1)
    auto.fit(x[:50], y[:50], **QUICK)
    usual = auto.predict(x)
    for row, matters in ((50, True), (47, True), (46, False), (51, False)):
        changed = x.copy()
        changed[row] += 1
        assert (auto.predict(changed)[0] != usual[0]) == matters, row


def test_the_last_rows_are_held_out_with_what_comes_before_them(tmp_path):
    x, y = series(50)
    y[40:] += 1000  # only the held-out rows
    auto = forecaster(tmp_path, metrics=["mae"])
    history = auto.fit(x, y, validation_split=0.2, **QUICK)
    assert max(history.history["mae"]) < 100
    best = int(np.argmin(history.history["val_loss"]))
    error = np.abs(auto.model.predict(x) - y)[40:].mean()
    # Windows of the held-out rows reach back into the training rows, as they do when predicting.
    assert history.history["val_mae"][best] == pytest.approx(error, rel=1e-3)


def test_validation_rows_of_ones_own_leave_all_others_to_training(tmp_path):
    x, y = series()
    auto = forecaster(tmp_path, metrics=["mae"])
    history = auto.fit(x[:50], y[:50], validation_data=(x[50:], y[50:]), **QUICK)
    best = int(np.argmin(history.history["val_loss"]))
    assert history.history["val_mae"][best] == pytest.approx(auto.evaluate(x[50:], y[50:])[1], rel=1e-3)
    assert len(auto.predict(x)) == 10


def test_a_file_names_its_targets(tmp_path):
    x, y = series(40)
    frame = pd.DataFrame({"a": x[:, 0], "day": np.array(["mo", "tu"])[np.arange(40) % 2], "y": y, "z": -y})
    frame[:30].to_csv(tmp_path / "train.csv", index=False)
    frame.to_csv(tmp_path / "all.csv", index=False)
    auto = forecaster(tmp_path, column_types={"day": "categorical"})
    auto.fit(str(tmp_path / "train.csv"), ["y", "z"], **QUICK)
    predicted = auto.predict(str(tmp_path / "all.csv"))
    assert predicted.shape == (10, 2)
    assert predicted.tolist() == auto.predict(frame).tolist()
    assert np.isfinite(auto.evaluate(tmp_path / "all.csv", ["y", "z"])).all()


def test_a_new_process_goes_on_where_the_training_rows_ended(tmp_path):
    x, y = series()
    auto = forecaster(tmp_path)
    auto.fit(x[:50], y[:50], **QUICK)
    assert forecaster(tmp_path).predict(x).tolist() == auto.predict(x).tolist()


def test_lookback_is_chosen_where_unset(tmp_path):
    auto = forecaster(tmp_path, lookback=None)
    auto.fit(*series(40), **QUICK)
    assert auto.model.sources[0].codec.spec.shape[0] == 8  # a quarter of 32 training rows


def test_sample_weights_go_along_with_their_rows(tmp_path):
    x, y = series(50)
    weight = np.random.default_rng(0).random(50)
    auto = forecaster(tmp_path, metrics=["mae"])
    history = auto.fit(x, y, sample_weight=weight, **QUICK)
    best = int(np.argmin(history.history["val_loss"]))
    error = np.average(np.abs(auto.model.predict(x) - y)[40:], weights=weight[40:])
    assert history.history["val_mae"][best] == pytest.approx(error, rel=1e-3)


def test_x_must_reach_beyond_the_training_rows(tmp_path):
    x, y = series()
    auto = forecaster(tmp_path, predict_from=3)
    with pytest.raises(NotFittedError, match="call fit first"):
        auto.predict(x)
    auto.fit(x[:50], y[:50], **QUICK)
    with pytest.raises(DataError, match=r"requires the original training data.* 50 training rows and at least 3 more"):
        auto.predict(x[:52])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"predict_from": 0}, "predict_from must be a whole number of at least 1, got 0"),
        ({"predict_from": 5, "predict_until": 2}, "predict_until must not be less than predict_from=5, got 2"),
        ({"lookback": 0}, "lookback"),
        ({"column_types": {"a": "word"}}, "column_types should be either"),
    ],
)
def test_invalid_arguments_are_errors(options, message):
    with pytest.raises(ConfigError, match=message):
        TimeseriesForecaster(**options)


def test_one_row_cannot_be_split(tmp_path):
    with pytest.raises(DataError, match="At least 2 rows"):
        forecaster(tmp_path).fit(np.zeros((1, 2)), np.zeros(1), **QUICK)
