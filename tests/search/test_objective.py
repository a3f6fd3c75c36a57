"""Objectives: names and directions give one number to minimise."""

from math import inf, nan

import pytest

from medley.errors import ConfigError
from medley.search.objective import Objective, read_objective

ONE = {"accuracy": True, "mae": False}
TWO = {"digit_accuracy": True, "price_mae": False}
RECORD = {
    "loss": 1.0,
    "val_loss": 2.0,
    "accuracy": 0.9,
    "val_accuracy": 0.8,
    "val_mae": 3.0,
    "val_relative_loss": 0.5,
    "val_digit_loss": 0.25,
    "val_digit_accuracy": 0.75,
    "val_price_mae": 7.0,
}


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (None, 0.5),
        ("val_loss", 2.0),
        ("loss", 1.0),
        ("val_accuracy", -0.8),
        ("accuracy", -0.9),
        ("val_mae", 3.0),
        (Objective("val_mae", "max"), -3.0),
        (["val_loss", "val_accuracy"], 2.0 - 0.8),
        (["val_mae", Objective("val_loss", "max")], 3.0 - 2.0),
    ],
)
def test_one_head(objective, expected):
    assert read_objective(objective, ["label"], ONE)(RECORD) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (None, 0.5),
        ("val_loss", 2.0),
        ("val_digit_loss", 0.25),
        ("val_digit_accuracy", -0.75),
        (("val_digit_accuracy", "val_price_mae"), 7.0 - 0.75),
    ],
)
def test_several_heads(objective, expected):
    assert read_objective(objective, ["digit", "price"], TWO)(RECORD) == pytest.approx(expected)


def test_objectives_of_other_libraries_are_accepted():
    class Foreign:
        name = "val_accuracy"
        direction = "max"

    assert read_objective(Foreign(), ["label"], ONE)(RECORD) == -0.8


@pytest.mark.parametrize("objective", ["val_loss", "val_accuracy", ["val_loss", "val_accuracy"]])
def test_nan_is_the_worst_in_both_directions(objective):
    score = read_objective(objective, ["label"], ONE)
    assert score({**RECORD, "val_loss": nan, "val_accuracy": nan}) == inf


def test_infinities_that_cancel_are_the_worst():
    score = read_objective(["val_loss", "val_accuracy"], ["label"], ONE)
    assert score({"val_loss": inf, "val_accuracy": inf}) == inf


def test_all_unknown_names_are_reported_with_the_names_that_exist():
    with pytest.raises(ConfigError) as caught:
        read_objective(["val_acuracy", "zzz"], ["label"], ONE)
    assert "no objective 'val_acuracy'. Did you mean 'val_accuracy'?" in str(caught.value)
    for name in ("val_relative_loss", "val_loss", "val_accuracy", "val_mae"):
        assert repr(name) in str(caught.value)


def test_with_several_heads_names_of_metrics_contain_the_head():
    with pytest.raises(ConfigError, match="Did you mean 'val_digit_accuracy'"):
        read_objective("val_accuracy", ["digit", "price"], TWO)


@pytest.mark.parametrize("objective", [3, [], [None], {"val_loss": "min"}])
def test_invalid_objectives_are_rejected(objective):
    with pytest.raises(ConfigError, match="objective must"):
        read_objective(objective, ["label"], ONE)


def test_a_direction_is_min_or_max():
    with pytest.raises(ConfigError, match="'min' or 'max', got 'up'"):
        Objective("val_loss", "up")


def test_a_record_without_the_value_is_an_error_that_lists_its_values():
    with pytest.raises(ConfigError, match=r"'mae' is not recorded\. Did you mean 'val_mae'"):
        read_objective("mae", ["label"], ONE)({"val_loss": 1.0, "val_mae": 2.0})


def test_the_name_of_an_objective():
    assert read_objective(None, ["label"], ONE).name == "val_relative_loss"
    assert read_objective(["val_mae", "val_accuracy"], ["label"], ONE).name == "val_mae - val_accuracy"
