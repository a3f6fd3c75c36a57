"""Predictions for validation rows, which are kept with a model."""

import copy

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.core.codec import Encoded
from medley.errors import ArtifactError
from medley.heads import ClassificationHead, RegressionHead
from medley.trust import validation
from medley.trust.validation import TaskPredictions, ValidationPredictions

SIZE = 80


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    size = rng.normal(size=SIZE)
    return pd.DataFrame(
        {
            "size": size,
            "colour": rng.choice(["red", "green"], SIZE),
            "house": np.arange(SIZE) // 2,
            "price": size * 3 + rng.normal(size=SIZE),
            "kind": np.where(size > 0.5, "cat", np.where(size > 0, "dog", "cow")).astype(object),
        }
    ).assign(kind=lambda frame: frame.kind.where(frame.index % 7 != 3, None))


@pytest.fixture(scope="module")
def model(table):
    targets = ["price", "kind"]
    return md.fit(table, targets, inputs=["size", "colour"], group="house", max_trials=1, epochs=1, verbose=0)


def test_all_rows_of_folds_are_predicted_out_of_fold(model, table):
    kept = model.validation
    assert kept.rows.tolist() == list(range(SIZE))
    assert kept.where == "training"
    assert pd.Series(kept.folds).groupby(kept.groups).nunique().max() == 1
    assert pd.Series(table.house).groupby(kept.groups).nunique().max() == 1
    np.testing.assert_allclose(kept.tasks["price"].targets, table.price, rtol=1e-5)
    kind = kept.tasks["kind"]
    assert kind.observed.tolist() == table.kind.notna().tolist()
    assert kind.targets[kind.observed].tolist() == table.kind[kind.observed].tolist()
    assert kind.labels == ["cat", "cow", "dog"]
    assert kind.outputs.shape == (SIZE, 3)
    expected = np.mean(kind.predictions[kind.observed] == table.kind[kind.observed])
    assert model.metadata["scores"]["val_kind_accuracy"] == pytest.approx(expected)
    # Members that have not seen a row predict it otherwise than all members together.
    assert not np.allclose(kind.outputs, model.predict_proba(table)[["kind_cat", "kind_cow", "kind_dog"]])


def test_it_is_saved_copied_and_left_out_with_examples(model, tmp_path):
    loaded = md.load(model.save(tmp_path / "model")).validation
    for other in (loaded, copy.deepcopy(model).validation):
        assert np.array_equal(other.rows, model.validation.rows)
        assert np.array_equal(other.groups, model.validation.groups)
        for name, task in model.validation.tasks.items():
            assert np.array_equal(other.tasks[name].outputs, task.outputs)
            assert np.array_equal(other.tasks[name].observed, task.observed)
    assert md.load(model.save(tmp_path / "public", examples=False)).validation is None


def test_rows_of_a_split_are_the_validation_rows():
    x, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    auto = md.AutoModel(md.StructuredDataInput(), md.ClassificationHead(name="y"), max_trials=1)
    auto.fit(x, y, epochs=1, verbose=0, sample_weight=np.arange(40))
    kept = auto.model.validation
    assert len(kept.rows) == 8
    assert kept.tasks["y"].targets.tolist() == y[kept.rows].tolist()
    assert kept.tasks["y"].weight.tolist() == kept.rows.tolist()
    np.testing.assert_allclose(kept.tasks["y"].outputs, auto.model.predict_proba(x[kept.rows]), rtol=1e-4)
    auto = md.AutoModel(md.StructuredDataInput(), md.ClassificationHead(), max_trials=1)
    auto.fit(x, y, epochs=1, verbose=0, validation_data=(x[:4], y[:4]))
    assert (auto.model.validation.where, auto.model.validation.rows.tolist()) == ("validation_data", [0, 1, 2, 3])
    more = auto.model.fit_more(x, y, epochs=1)
    assert (more.validation.where, len(more.validation.rows)) == ("fit_more", 8)


def predictions(rows, classes=3):
    codec = ClassificationHead().codec().fit(list(range(classes)))
    encoded = codec.encode(np.arange(rows) % classes)
    raw = np.random.default_rng(0).normal(size=(rows, classes)).astype("float32")
    return ValidationPredictions(np.arange(rows), {"kind": TaskPredictions(codec, encoded, raw)}, rows)


def test_of_many_rows_or_outputs_a_random_sample_is_kept(monkeypatch):
    whole = predictions(300)
    assert whole.sample() is whole
    monkeypatch.setattr(validation, "MOST_NUMBERS", 90)
    kept = whole.sample()
    assert (len(kept.rows), kept.size) == (30, 300)
    assert (np.diff(kept.rows) > 0).all()
    assert kept.tasks["kind"].targets.tolist() == (kept.rows % 3).tolist()
    assert np.array_equal(kept.tasks["kind"].raw, whole.tasks["kind"].raw[kept.rows])


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("rows", np.array([-1, 2, 3]), "rows"),
        ("rows", np.array([1, 2]), "size N"),
        ("raw/kind", np.zeros((3, 2), "float32"), "raw"),
        ("raw/kind", np.full((3, 3), np.nan), "raw"),
        ("target/kind", np.array([0, 1, 3]), "target"),
        ("raw/lion", np.zeros((3, 3)), "lion"),
        ("where", "moon", "where"),
    ],
)
def test_hostile_states_are_refused(name, value, problem):
    kept = predictions(3)
    codecs = {"kind": kept.tasks["kind"].codec}
    assert ValidationPredictions.restore(kept.state(), codecs).tasks["kind"].targets.tolist() == [0, 1, 2]
    with pytest.raises(ArtifactError, match=problem):
        ValidationPredictions.restore({**kept.state(), name: value}, codecs)


def test_numbers_have_their_unit():
    codec = RegressionHead(scale="log").codec().fit([1.0, 10.0, 100.0])
    task = TaskPredictions(codec, Encoded(codec.encode([10.0]).array, np.ones(1, bool)), np.zeros((1, 1)))
    np.testing.assert_allclose(task.targets, [10.0])
    np.testing.assert_allclose(task.outputs, [10.0])
