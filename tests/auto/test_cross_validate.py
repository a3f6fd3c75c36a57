"""`medley.cross_validate`: against scores computed by hand from its out-of-fold predictions."""

from functools import wraps

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_squared_error

import medley as md
from medley.errors import ConfigError, DataError

SIZE = 90
FAST = {"max_trials": 1, "epochs": 1}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    size = rng.normal(size=SIZE)
    frame = pd.DataFrame(
        {
            "size": size,
            "house": rng.integers(0, 20, SIZE),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.permutation(SIZE), unit="D"),
            "price": 2 * size + rng.normal(size=SIZE),
            "kind": np.where(size + rng.normal(size=SIZE) > 1, "new", "old"),
        },
        index=np.arange(SIZE) + 1000,
    )
    return frame


@pytest.fixture(scope="module")
def result(table):
    inputs = {"inputs": ["size"], **FAST}
    return md.cross_validate(table, ["price", "kind"], folds=3, group="house", options=inputs)


def test_scores_are_those_of_out_of_fold_predictions(table, result):
    assert result.predictions.index.equals(table.index)
    by_fold = [
        [
            mean_squared_error(table.price[result.folds == fold], result.predictions.price[result.folds == fold]),
            np.mean(table.kind[result.folds == fold] == result.predictions.kind[result.folds == fold]),
        ]
        for fold in range(3)
    ]
    figures = result.scores.loc[["price_mean_squared_error", "kind_accuracy"]]
    np.testing.assert_allclose(figures[["fold_0", "fold_1", "fold_2"]].T, by_fold, rtol=1e-4)
    np.testing.assert_allclose(figures["mean"], np.mean(by_fold, axis=0), rtol=1e-4)
    np.testing.assert_allclose(figures.standard_error, np.std(by_fold, axis=0, ddof=1) / np.sqrt(3), rtol=1e-4)
    assert "kind_accuracy" in str(result)
    assert "±" in str(result)


def test_folds_can_be_trained_at_the_same_time(table, result):
    inputs = {"inputs": ["size"], **FAST}
    parallel = md.cross_validate(table, ["price", "kind"], folds=3, group="house", workers=2, options=inputs)
    pd.testing.assert_frame_equal(parallel.scores, result.scores)
    pd.testing.assert_frame_equal(parallel.predictions, result.predictions)


def test_groups_are_not_separated_and_classes_are_in_all_folds(table, result):
    assert table.house.groupby(result.folds).unique().explode().is_unique
    shares = (table.kind == "new").groupby(result.folds).mean()
    assert shares.min() > 0


def test_with_time_rows_are_predicted_by_models_of_earlier_ones(table, monkeypatch):
    from medley.auto.table import cross_validate

    seen = []
    plain = cross_validate.fit

    @wraps(plain)
    def fit(frame, *args, **options):
        seen.append(frame.day.max())
        return plain(frame, *args, **options)

    monkeypatch.setattr(cross_validate, "fit", fit)
    inputs = {"inputs": ["size"], **FAST}
    result = md.cross_validate(table, "price", folds=2, time="day", options=inputs)
    assert sorted(np.bincount(result.folds + 1)) == [30, 30, 30]
    for fold, latest in enumerate(seen):
        assert (table.day[result.folds == fold] > latest).all()
    assert len(result.predictions) == 60


def test_all_errors_are_reported(table):
    with pytest.raises(ConfigError) as caught:
        md.cross_validate(
            table,
            "price",
            folds=1,
            group="house",
            time="day",
            options={"epoch": 3, "resume": True},
            time_limit="soon",
            workers=0,
        )
    for part in ("folds", "group and time", "'epoch'", "'resume'", "time_limit", "workers"):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="10 folds need 20 rows"):
        md.cross_validate(table.head(12), "price", folds=10)
    with pytest.raises(DataError, match="price_"):
        md.cross_validate(table, "price_")
