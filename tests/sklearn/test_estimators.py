"""The estimators with the tools of scikit-learn, on its bundled data and on tables of mixed columns."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import medley as md
from medley.sklearn import MedleyClassifier, MedleyMultiTask, MedleyRegressor

QUICK = {"epochs": 1, "time_limit": None}
ESTIMATORS = [cls(**QUICK, validation_split=0.2) for cls in (MedleyClassifier, MedleyRegressor, MedleyMultiTask)]


# The targets of these small tables follow from a column, which is warned of as a leak.
pytestmark = pytest.mark.filterwarnings("ignore:Column .* determines the target")


def expected_failed_checks(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": "a network is trained in random batches and validated in "
        "folds: a row that is there twice is in two of them, a row of weight 2 in one (scikit-learn's own MLP and SGD "
        "estimators fail here too)"
    }


@pytest.mark.filterwarnings("ignore::medley.errors.MedleyWarning", "ignore:SCIPY_ARRAY_API")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failed_checks)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def classifier(iris):
    X, y = iris
    return MedleyClassifier(epochs=3).fit(X, y)


def pets(rows=80):
    rng = np.random.default_rng(0)
    kind = rng.choice(["cat", "dog"], rows)
    age = rng.normal(8, 3, rows)
    table = pd.DataFrame({"kind": kind, "age": age, "born": pd.Timestamp("2020-01-01") + pd.to_timedelta(age, "D")})
    table["note"] = [f"a {'soft' if word == 'cat' else 'loud'} animal number {i}" for i, word in enumerate(kind)]
    return table, pd.DataFrame({"sound": np.where(kind == "cat", "meow", "woof"), "price": 100 * age})


def test_a_frame_gives_names_classes_and_scores(classifier, iris):
    X, y = iris
    assert classifier.n_features_in_ == 4
    assert list(classifier.feature_names_in_) == list(X.columns)
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert classifier.score(X, y) > 0.93
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (classifier.classes_[probabilities.argmax(axis=1)] == classifier.predict(X)).all()
    assert is_classifier(classifier)
    assert is_regressor(MedleyRegressor())


def test_parameters_are_those_of_the_constructor():
    estimator = MedleyClassifier(epochs=7, column_kinds={"a": "text"})
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params()
    assert copy.set_params(epochs=2, class_weight="balanced").get_params()["epochs"] == 2
    assert "class_weight" not in MedleyRegressor().get_params()
    assert MedleyMultiTask().get_params()["heads"] is None


def test_arrays_lists_and_frames_of_all_libraries_are_rows(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    fitted = [MedleyClassifier(**QUICK).fit(rows, names) for rows in (X.to_numpy(), X.to_numpy().tolist())]
    probabilities = [estimator.predict_proba(X.to_numpy()) for estimator in fitted]
    np.testing.assert_array_equal(*probabilities)
    framed = MedleyClassifier(**QUICK).fit(pl.from_pandas(X), names)
    assert list(framed.feature_names_in_) == list(X.columns)
    assert set(framed.predict(pl.from_pandas(X))) <= set(names)
    with pytest.raises(ValueError, match="feature names"):
        framed.predict(pl.from_pandas(X.iloc[:, ::-1]))


def test_searches_run_in_other_processes(iris):
    X, y = iris
    grid = GridSearchCV(MedleyClassifier(**QUICK), {"class_weight": [None, "balanced"]}, cv=2, n_jobs=2)
    assert grid.fit(X, y).best_score_ > 0.8
    assert (np.isfinite(grid.cv_results_["mean_test_score"])).all()


def test_cross_validation_pipelines_calibration_and_importance(iris, classifier):
    X, y = iris
    scaled = make_pipeline(StandardScaler().set_output(transform="pandas"), MedleyClassifier(**QUICK))
    assert cross_val_score(scaled, X, y, cv=3).mean() > 0.8
    assert list(scaled.fit(X, y)[-1].feature_names_in_) == list(X.columns)
    calibrated = CalibratedClassifierCV(MedleyClassifier(**QUICK), cv=2).fit(X, y)
    assert calibrated.predict_proba(X).shape == (150, 3)
    importance = permutation_importance(classifier, X, y, n_repeats=2, random_state=0)["importances_mean"]
    assert importance[:2].max() < importance[2:].max()  # petals tell the species apart, sepals hardly


def test_regression_of_one_and_of_several_numbers():
    X, y = load_diabetes(return_X_y=True)
    predicted = cross_val_predict(MedleyRegressor(epochs=2), X, y, cv=2)
    assert np.corrcoef(predicted, y)[0, 1] > 0.6
    several = MedleyRegressor(epochs=2).fit(X, np.column_stack([y, -2 * y]))
    both = several.predict(X)
    assert both.shape == (442, 2)
    assert np.corrcoef(both[:, 0], both[:, 1])[0, 1] < -0.9
    assert several.score(X, np.column_stack([y, -2 * y])) > 0.4


def test_weights_make_rows_and_classes_count():
    X = np.zeros((90, 1))
    y = np.array([0] * 60 + [1] * 30)
    weights = np.where(y == 1, 9.0, 1.0)
    estimators = [
        MedleyClassifier(**QUICK).fit(X, y),
        MedleyClassifier(**QUICK).fit(X, y, sample_weight=weights),
        MedleyClassifier(**QUICK, class_weight={0: 1, 1: 9}).fit(X, y),
    ]
    plain, by_row, by_class = (estimator.predict_proba(X[:1])[0, 1] for estimator in estimators)
    assert plain == pytest.approx(30 / 90, abs=0.05)
    assert by_row == pytest.approx(270 / 330, abs=0.05)
    assert by_class == pytest.approx(270 / 330, abs=0.05)


def test_rows_of_weight_zero_are_not_there(iris):
    X, y = iris
    part = MedleyClassifier(**QUICK).fit(X[y < 2], y[y < 2])
    weighted = MedleyClassifier(**QUICK).fit(X, y, sample_weight=(y < 2).astype(float))
    assert weighted.classes_.tolist() == [0, 1]
    assert (part.predict(X) == weighted.predict(X)).mean() > 0.95


def test_several_targets_of_classes():
    X, y = pets()
    labels = pd.DataFrame({"sound": y["sound"], "old": y["price"] > 800})
    both = MedleyClassifier(**QUICK).fit(X, labels)
    assert [classes.tolist() for classes in both.classes_] == [["meow", "woof"], [False, True]]
    assert [array.shape for array in both.predict_proba(X)] == [(80, 2), (80, 2)]
    assert (both.predict(X)[:, 0] == y["sound"]).mean() > 0.9


def test_columns_of_all_kinds_go_through(tmp_path):
    X, y = pets()
    for number, word in enumerate(X["kind"]):
        Image.new("RGB", (8, 8), "white" if word == "cat" else "black").save(tmp_path / f"{number}.png")
    X["photo"] = [f"{number}.png" for number in range(len(X))]
    X.loc[3, "photo"] = None
    estimator = MedleyClassifier(**QUICK, root=tmp_path, pretrained=None).fit(X, y["sound"])
    kinds = {name: estimator.model_.table.schema[name].kind for name in X.columns}
    assert kinds == {"kind": "category", "age": "number", "born": "time", "note": "text", "photo": "image"}
    assert estimator.score(X, y["sound"]) > 0.9


def test_mixed_tasks_keep_their_types_and_may_lack_labels():
    X, y = pets()
    y.loc[:9, "price"] = np.nan
    y.loc[70:, "sound"] = None
    X.index = y.index = X.index[::-1]
    both = MedleyMultiTask(**QUICK, heads={"price": md.RegressionHead(loss="mae")}).fit(X, y)
    assert both.tasks_ == {"sound": "binary", "price": "number"}
    assert both.classes_["sound"].tolist() == ["meow", "woof"]
    predicted = both.predict(X)
    assert list(predicted.columns) == ["sound", "price"]
    assert predicted.index.equals(X.index)
    assert both.predict_proba(X)["sound"].shape == (80, 2)
    observed = y["price"].notna()
    r2 = (
        1
        - ((predicted["price"] - y["price"])[observed] ** 2).sum()
        / ((y["price"][observed] - y["price"][observed].mean()) ** 2).sum()
    )
    accuracy = (predicted["sound"] == y["sound"])[y["sound"].notna()].mean()
    assert both.score(X, y) == pytest.approx((r2 + accuracy) / 2, abs=1e-6)
    assert isinstance(both.predict(pl.from_pandas(X)), pl.DataFrame)
    with pytest.raises(ValueError, match="both have a column 'age'"):
        both.fit(X, X[["age"]])


def test_estimators_are_pickled_with_their_models(classifier, iris):
    X, _ = iris
    copy = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copy.predict_proba(X), classifier.predict_proba(X))
    assert copy.feature_names_in_.tolist() == list(X.columns)


def test_labels_that_are_alike_in_a_table_are_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="white space"):
        MedleyClassifier(**QUICK).fit(X, np.array(["a", " a", "b"])[y])
    with pytest.raises(ValueError, match="2 entries for 1 target"):
        MedleyClassifier(**QUICK, class_weight=[None, None]).fit(X, y)
    na = MedleyClassifier(**QUICK).fit(X, np.array(["NA", "none", "b"])[y])
    assert na.classes_.tolist() == ["NA", "b", "none"]
    assert na.score(X, np.array(["NA", "none", "b"])[y]) > 0.8


def test_a_pipeline_prepares_columns(iris):
    X, y = pets()
    prepared = make_column_transformer(
        (StandardScaler(), ["age"]), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")
    estimator = make_pipeline(prepared, MedleyRegressor(**QUICK)).fit(X, y["price"])
    assert estimator.score(X, y["price"]) > 0.9


def test_generators_of_random_states_give_seeds(iris):
    X, y = iris
    state = np.random.RandomState(3)
    MedleyClassifier(**QUICK, random_state=state).fit(X, y)
    assert state.randint(2**31) != np.random.RandomState(3).randint(2**31)


def test_nothing_else_imports_the_estimators():
    code = "import sys, medley, medley.cli.main; assert not [n for n in sys.modules if n.split('.')[0] == 'sklearn']"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_labels_of_several_types_and_columns_of_one_name_are_reported():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match=r"one type, got int and str; pass all as text"):
        MedleyClassifier(**QUICK).fit(rows, np.array(["a", 1] * 10, dtype=object))
    with pytest.raises(ValueError, match="several are called 'a'"):
        MedleyRegressor(**QUICK).fit(pd.DataFrame(rows, columns=["a", "a", "b"]), rows[:, 0])


def test_arrays_after_a_frame_have_its_columns_in_order():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "c"])
    regressor = MedleyRegressor(**QUICK, random_state=0).fit(frame, frame.a + frame.b)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        predicted = regressor.predict(frame.to_numpy())
    np.testing.assert_allclose(predicted, regressor.predict(frame), rtol=1e-5)
    with pytest.warns(UserWarning, match="valid feature names"), pytest.raises(ValueError, match="2 features"):
        regressor.predict(frame.to_numpy()[:, :2])
