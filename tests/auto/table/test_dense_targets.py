"""Targets of few whole numbers are classes only where these are predicted better."""

import numpy as np
import pytest

from medley.auto.table.design import design_model
from medley.tables.reading.read import read

RNG = np.random.default_rng(0)
ROWS = 400
X = RNG.normal(size=ROWS)


def task(name, values, x=X, **options):
    return design_model(read({"x": x, name: values}), [name], **options).tasks[name]


@pytest.mark.parametrize(
    ("name", "values", "kinds"),
    [
        (
            "release_year",
            np.clip((2013 + 2 * X + 0.7 * RNG.normal(size=ROWS)).round(), 2008, 2017).astype(int),
            ["number"],
        ),
        ("y", np.clip((5 + 2 * X + 0.3 * RNG.normal(size=ROWS)).round(), 0, 10).astype(int), ["number"]),
        ("rating", RNG.choice([1, 2, 3, 4, 5], ROWS, p=[0.04, 0.06, 0.1, 0.2, 0.6]), ["ordered"]),
        ("weather", RNG.choice([1, 2, 3], ROWS, p=[0.7, 0.2, 0.1]), ["ordered"]),
        ("species", RNG.integers(0, 3, ROWS), ["multiclass"]),
        ("flag", RNG.integers(0, 2, ROWS), ["binary"]),
        ("visits", RNG.negative_binomial(1, 0.06, ROWS).clip(0, 70), ["count", "number"]),
        ("year", RNG.integers(2007, 2020, ROWS), ["number"]),
    ],
)
def test_classes_have_to_be_better(name, values, kinds):
    assert task(name, values).kind in kinds


def test_numbers_keep_their_unit_and_say_why():
    years = np.clip((2013 + 2 * X).round(), 2009, 2017).astype(int)
    guess = task("released", years)
    assert (guess.kind, guess.labels, guess.cells.kind) == ("number", (), "number")
    assert "regression comes closer" in guess.reason


def test_the_caller_decides():
    values = np.clip((5 + 2 * X).round(), 0, 10).astype(int)
    assert task("y", values, column_kinds={"y": "ordered"}).kind == "ordered"
    assert task("y", values, column_kinds={"y": "category"}).kind == "multiclass"


def test_numbers_that_count_rows_are_learned_from_if_they_predict_or_nothing_else_is_left():
    x = np.arange(100)
    assert design_model(read({"x": x, "y": 2.0 * x + 1}), ["y"]).view.required == ["x"]
    plan = design_model(read({"id": x, "y": 2.0 * x + 1}), ["y"])
    assert plan.view.required == ["id"]
    assert "no other column" in plan.view.schema["id"].reason
    other = design_model(read({"id": x, "z": X[:100], "y": 2.0 * x + 1}), ["y"])
    assert other.view.required == ["z"]
    assert "predicts a target" in other.left_out["id"]
