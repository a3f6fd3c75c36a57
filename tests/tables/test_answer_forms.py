"""Predictions have the name, type and unit of the target, and no two of them the same name."""

import enum

import numpy as np
import pandas as pd
import pytest

import medley as md
from medley.errors import MedleyError
from medley.tables.answer_forms import AnswerForm

RNG = np.random.default_rng(0)
ROWS = 60


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 1


def frame(target, name="y"):
    x = RNG.normal(size=ROWS)
    return pd.DataFrame({"x": x, name: target(x + RNG.normal(size=ROWS) / 2 > 0)})


def fitted(table, targets):
    return md.fit(table, targets, max_trials=1, epochs=1, verbose=0)


def category(is_high, ordered):
    values = np.where(is_high, "large", "small")
    return pd.Categorical(values, categories=["small", "large"], ordered=ordered)


FORMS = {
    "timedelta": (lambda high: pd.to_timedelta(np.where(high, 36, 12) + RNG.random(ROWS), unit="h"), "duration"),
    "enum": (lambda high: [Colour.RED if flag else Colour.BLUE for flag in high], "enum"),
    "int_enum": (lambda high: pd.Series([Level(int(flag)) for flag in high], dtype=object), "enum"),
    "ordered": (lambda high: category(high, True), "categorical"),
    "categorical": (lambda high: category(high, False), "categorical"),
    "codes": (lambda high: pd.Categorical(np.where(high, 20, 10), categories=[20, 10], ordered=True), "categorical"),
}


@pytest.mark.parametrize("name", FORMS)
def test_predictions_have_the_type_of_the_target(name, tmp_path):
    target, kind = FORMS[name]
    table = frame(target)
    model = fitted(table, "y")
    assert model.table.forms["y"].kind == kind
    again = md.load(model.save(tmp_path / "model"))
    for predictor in (model, again):
        predicted = predictor.predict(table[["x"]])["y"]
        assert predicted.index.equals(table.index)
        if kind == "duration":
            assert predicted.dtype.kind == "m"
            assert pd.Timedelta(hours=6) < predicted.median() < pd.Timedelta(hours=48)
            assert predictor.predict_proba(table[["x"]])["y"].dtype.kind == "m"
        elif kind == "categorical":
            assert predicted.dtype == table["y"].dtype
        else:
            assert set(map(type, predicted)) == {type(table["y"].iloc[0])}
        assert np.isfinite(predictor.evaluate(table)["loss"])
        if kind != "duration":
            assert (np.asarray(predicted, object) == np.asarray(table["y"], object)).mean() > 0.4


def test_members_whose_class_is_not_imported_stay_text():
    form = AnswerForm("y", "enum", enum=("not_imported.anywhere", "Colour"))
    assert form.restore(np.array(["Colour.RED"], object)).tolist() == ["Colour.RED"]


@pytest.mark.parametrize("make", [lambda table: table, lambda table: {name: table[name].tolist() for name in table}])
def test_columns_with_numbers_for_names_keep_them(make):
    table = frame(lambda high: np.where(high, 1.5, 0.5) + RNG.random(ROWS), name=7).assign(
        **{"8": np.where(RNG.random(ROWS) > 0.5, "a", "b")}
    )
    table = table.rename(columns={"8": 8, "x": 0})
    model = fitted(make(table), [7, 8])
    assert list(model.predict(table).columns) == [7, 8, "8_probability"]
    assert list(model.predict_proba(table).columns) == [7, "8_a", "8_b"]
    assert list(model.predict_frame(table, proba=True).columns) == [7, 8, "8_probability", "8_a", "8_b"]
    texts = frame(lambda high: np.where(high, 1.5, 0.5) + RNG.random(ROWS), name="7")
    assert list(fitted(texts, "7").predict(texts).columns) == ["7"]


COLLISIONS = {
    "probability": {"y": ["a", "b"], "y_probability": [0.1, 0.7]},
    "classes": {"k": ["b_c", "d"], "k_b": ["c", "e"]},
    "class and target": {"y": ["dog", "cat"], "y_dog": [0.1, 0.7]},
    "class called probability": {"y": ["probability", "cat"]},
    "two classes": {"y": [1, "1"]},
}


@pytest.mark.parametrize("name", COLLISIONS)
def test_two_answers_of_one_name_are_an_error_before_training(name):
    columns = {column: (values * ROWS)[:ROWS] for column, values in COLLISIONS[name].items()}
    table = {"x": RNG.normal(size=ROWS).tolist(), **columns}
    if name == "two classes":  # one reads like the other, so they are one class
        with pytest.raises(MedleyError):
            fitted(table, list(columns))
        return
    with pytest.raises(MedleyError, match="Two columns of predictions would be called") as error:
        fitted(table, list(columns))
    assert all(repr(column) in str(error.value) for column in columns)


def test_targets_whose_answers_have_different_names_are_all_there():
    columns = {"y": ["a", "b"], "y_c": [0.1, 0.7], "y_a_": ["c", "d"]}
    table = {"x": RNG.normal(size=ROWS).tolist(), **{name: (two * ROWS)[:ROWS] for name, two in columns.items()}}
    table["y_c"] = RNG.normal(size=ROWS)
    both = fitted(table, list(columns)).predict_frame(table, proba=True)
    names = ["y", "y_probability", "y_c", "y_a_", "y_a__probability", "y_a", "y_b", "y_a__c", "y_a__d"]
    assert list(both.columns) == names
