"""The task classes end to end on tiny data: what comes back, in which type, and what files may stand for."""

import inspect

import numpy as np
import pandas as pd
import pytest

import medley
from medley.auto.tasks_image import ImageClassifier, ImageRegressor
from medley.auto.tasks_table import StructuredDataClassifier, StructuredDataRegressor
from medley.auto.tasks_text import TextClassifier, TextRegressor
from medley.errors import ConfigError, DataError

SEARCH = ["project_name", "max_trials", "directory", "objective", "tuner", "overwrite", "seed", "max_model_size"]
CLASSES = ["num_classes", "multi_label", "loss", "metrics"]
NUMBERS = ["output_dim", "loss", "metrics"]
COLUMNS = ["column_names", "column_types"]
ORDER = {
    "ImageClassifier": CLASSES + SEARCH,
    "ImageRegressor": NUMBERS + SEARCH,
    "TextClassifier": CLASSES + SEARCH,
    "TextRegressor": NUMBERS + SEARCH,
    "StructuredDataClassifier": COLUMNS + CLASSES + SEARCH,
    "StructuredDataRegressor": COLUMNS + NUMBERS + SEARCH,
}
QUICK = {"epochs": 2, "verbose": 0}


@pytest.mark.parametrize("name", ORDER)
def test_arguments_stand_where_users_know_them(name):
    parameters = inspect.signature(getattr(medley, name)).parameters.values()
    assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == ORDER[name]
    assert not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def table(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(size=rows), "sex": rng.choice(["f", "m"], rows)})
    frame["survived"] = np.where(frame["age"] > 0, "yes", "no")
    frame["fare"] = 100 + 10 * frame["age"]
    return frame


def test_image_classifier_gives_labels_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.array(["day", "night"])[np.arange(40) % 2]
    images = (rng.integers(0, 60, (40, 8, 8, 3)) + 150 * (labels == "day")[:, None, None, None]).astype(np.uint8)
    clf = ImageClassifier(max_trials=1, directory=tmp_path)
    history = clf.fit(images, labels, epochs=4, verbose=0)
    assert len(history.history["val_accuracy"]) == 4
    assert clf.predict(images).dtype.kind == "U"
    assert set(clf.predict(images)) <= {"day", "night"}
    assert clf.predict_proba(images).shape == (40, 2)
    _, accuracy = clf.evaluate(images, labels)
    assert accuracy == pytest.approx(np.mean(clf.predict(images) == labels))


def test_image_classifier_takes_sets_of_labels(tmp_path):
    images = np.random.default_rng(0).random((24, 6, 6), dtype=np.float32)
    labels = np.stack([np.arange(24) % 2, np.arange(24) % 3 == 0, np.ones(24)], 1).astype(int)
    clf = ImageClassifier(None, True, max_trials=1, directory=tmp_path)
    clf.fit(images, labels, **QUICK)
    assert clf.predict(images).shape == labels.shape


def test_image_regressor_predicts_in_the_targets_unit(tmp_path):
    images = np.random.default_rng(0).random((32, 6, 6), dtype=np.float32)
    sizes = np.stack([1000 + 50 * images.mean((1, 2)), np.full(32, -7.0)], 1)
    reg = ImageRegressor(2, metrics=["mae"], max_trials=1, directory=tmp_path)
    reg.fit(images, sizes, **QUICK)
    predicted = reg.predict(images)
    assert predicted.shape == (32, 2)
    assert np.abs(predicted - sizes).max() < 100


def test_text_classifier_and_regressor_take_strings(tmp_path):
    texts = ["good film", "bad film", "good food", "bad day", None] * 8
    moods = np.array([True, False, True, False, True] * 8)
    clf = TextClassifier(max_trials=1, directory=tmp_path)
    clf.fit(texts, moods, **QUICK)
    assert clf.predict(texts).dtype == bool
    reg = TextRegressor(max_trials=1, directory=tmp_path)
    reg.fit(texts, np.where(moods, 5.0, 1.0), **QUICK)
    assert reg.predict(["good day"]).shape == (1,)


def test_a_file_and_the_name_of_its_target_train(tmp_path):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    frame = table()
    frame.to_csv(train, index=False)
    frame[["sex", "fare", "age"]].assign(more=1).to_csv(test, index=False)
    clf = StructuredDataClassifier(max_trials=1, directory=tmp_path)
    clf.fit(str(train), "survived", **QUICK)
    # The file holds the columns in another order, and one that was not trained on.
    assert clf.predict(str(test)).tolist() == clf.predict(frame).tolist()
    assert set(clf.predict(str(test))) <= {"yes", "no"}
    assert clf.predict_proba(test).shape == (60, 2)
    assert clf.evaluate(str(train), "survived") == clf.evaluate(frame, frame["survived"])
    assert list(clf.evaluate(train, "survived", return_dict=True)) == ["loss", "accuracy"]


def test_a_new_object_predicts_from_the_project(tmp_path):
    frame = table()
    clf = StructuredDataClassifier(max_trials=1, directory=tmp_path)
    clf.fit(frame, "survived", **QUICK)
    again = StructuredDataClassifier(directory=tmp_path)
    assert again.predict(frame).tolist() == clf.predict(frame).tolist()


def test_a_column_that_was_trained_on_must_be_there(tmp_path):
    frame = table()
    clf = StructuredDataClassifier(max_trials=1, directory=tmp_path)
    clf.fit(frame, "survived", **QUICK)
    with pytest.raises(DataError, match="lacks the column 'age'"):
        clf.predict(frame[["sex", "fare", "survived"]])


def test_only_declared_columns_are_read(tmp_path):
    frame = table()
    clf = StructuredDataClassifier(["age", "sex"], {"age": "numerical"}, max_trials=1, directory=tmp_path)
    clf.fit(frame, "survived", **QUICK)
    assert clf.predict(frame[["age", "sex"]]).tolist() == clf.predict(frame).tolist()


def test_validation_data_may_be_a_file_too(tmp_path):
    frame, held = table(), table(seed=1)
    held.to_csv(tmp_path / "held.csv", index=False)
    clf = StructuredDataClassifier(max_trials=1, directory=tmp_path)
    history = clf.fit(frame, "survived", validation_data=(tmp_path / "held.csv", "survived"), **QUICK)
    _, accuracy = clf.evaluate(tmp_path / "held.csv", "survived")
    assert accuracy == pytest.approx(max(history.history["val_accuracy"]))


def test_structured_data_regressor_predicts_several_columns(tmp_path):
    frame = table()
    frame["price"] = -3 * frame["fare"]
    frame.to_csv(tmp_path / "train.csv", index=False)
    reg = StructuredDataRegressor(metrics=["mae"], max_trials=1, directory=tmp_path)
    reg.fit(tmp_path / "train.csv", ["fare", "price"], **QUICK)
    predicted = reg.predict(frame)
    assert predicted.shape == (60, 2)
    assert predicted[:, 0].mean() == pytest.approx(100, abs=20)
    assert predicted[:, 1].mean() == pytest.approx(-300, abs=60)


def test_arrays_without_names_do_as_well(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), np.arange(40) % 3
    clf = StructuredDataClassifier(max_trials=1, directory=tmp_path)
    clf.fit(x, y, **QUICK)
    assert clf.predict(x).dtype == y.dtype
    assert set(clf.predict(x)) <= {0, 1, 2}


def test_tables_are_compared_by_accuracy_where_it_is_measured():
    assert StructuredDataClassifier().objective == "val_accuracy"
    assert StructuredDataClassifier(metrics=["f1", "accuracy"]).objective == "val_accuracy"
    assert StructuredDataClassifier(metrics=["f1"]).objective == "val_loss"
    assert StructuredDataClassifier(objective="val_f1", metrics=["f1"]).objective == "val_f1"
    assert StructuredDataRegressor().objective == "val_loss"


def test_arguments_reach_the_search_and_the_head(tmp_path):
    clf = TextClassifier(
        3, False, "focal", ["accuracy"], "mine", 7, tmp_path, "val_accuracy", "random", True, 5, 10_000, time_limit="2m"
    )
    head = clf.graph.heads["classification_head_1"]
    assert (head.num_classes, head.multi_label, head.loss, head.metrics) == (3, False, "focal", ["accuracy"])
    assert (clf.folder, clf.max_trials, clf.objective) == (tmp_path / "mine", 7, "val_accuracy")
    assert (clf.overwrite, clf.seed, clf.max_model_size, clf.time_limit) == (True, 5, 10_000, 120)


def test_an_unknown_tuner_has_the_error_of_autokeras():
    with pytest.raises(ConfigError, match="Expected the tuner argument to be one of"):
        ImageClassifier(tuner="gready")


def test_no_validation_rows_are_an_error(tmp_path):
    with pytest.raises(ConfigError, match="Either validation_data or a non-zero"):
        StructuredDataClassifier(directory=tmp_path).fit(table(), "survived", validation_split=0)
