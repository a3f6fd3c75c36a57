"""The task of a target is inferred from its labels; labels keep their original type."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from medley.errors import DataError
from medley.tables.columns.targets import infer_target, read_target
from medley.tables.reading.read import read

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("file", "column", "kind", "outputs"),
    [
        ("adult/adult.csv.gz", "income", "binary", 2),
        ("adult/adult.csv.gz", "hours-per-week", "number", 1),
        ("adult/adult.csv.gz", "occupation", "multiclass", 14),
        ("womens_clothing/reviews.csv.gz", "Recommended IND", "binary", 2),
        ("womens_clothing/reviews.csv.gz", "Rating", "ordered", 5),
        ("womens_clothing/reviews.csv.gz", "Department Name", "multiclass", 6),
        ("womens_clothing/reviews.csv.gz", "Positive Feedback Count", "count", 1),
        ("california_housing/housing.csv.gz", "median_house_value", "number", 1),
        ("california_housing/housing.csv.gz", "ocean_proximity", "multiclass", 5),
        ("houses/houses.csv", "price", "number", 1),
        ("houses/houses.csv", "bedrooms", "ordered", 9),
        ("houses/houses.csv", "zipcode", "multiclass", 49),
        ("fsdd/samples.csv", "digit", "multiclass", 10),
    ],
)
def test_targets_of_real_tables(shared_data, file, column, kind, outputs):
    task = infer_target(read(shared_data / file).frame[column])
    assert (task.name, task.kind, task.outputs) == (column, kind, outputs)
    assert task.reason
    assert len(task.labels) in (0, outputs)


@pytest.mark.parametrize(
    ("name", "values", "kind", "outputs"),
    [
        ("y", ["a", "b", None, "a"], "binary", 2),
        ("y", [0, 1, 1], "binary", 2),
        ("y", [0.0, 1.0, np.nan], "binary", 2),
        ("y", [True, False], "binary", 2),
        ("y", ["yes", "no"], "binary", 2),
        ("y", ["a", "b", "c"], "multiclass", 3),
        ("species", [0, 1, 2] * 9, "multiclass", 3),
        ("y", [0, 1, 2] * 9, "multiclass", 3),
        ("stars", [0, 1, 2] * 9, "ordered", 3),
        ("rating", ["1", "2", "3"] * 9, "ordered", 3),
        ("y", [1, 2, 3, 4, 5] * 9, "ordered", 5),
        ("y", [10, 20, 30] * 9, "ordered", 3),
        ("y", [3, 17, 40] * 9, "multiclass", 3),
        ("y", pd.Categorical(["s", "l", "m"] * 9, categories=["s", "m", "l"], ordered=True), "ordered", 3),
        ("y", RNG.normal(size=30), "number", 1),
        ("y", RNG.integers(0, 100, 300), "number", 1),
        ("y", [3, 4, 5, 6], "number", 1),
        ("y", ["1,5", "2,75", "3"], "number", 1),
        ("y", RNG.normal(size=(30, 3)), "number", 3),
        ("y", [[0.5, 1.5], [1.0, 2.0]], "number", 2),
        ("y", [[0, 1, 1], [1, 0, 0]], "multilabel", 3),
        ("y", [["a"], ["a", "b"], []], "multilabel", 2),
        ("y", ["a|b", "a", "b|c", "c|a", "b"], "multilabel", 3),
        ("y", RNG.normal(size=(30, 1)), "number", 1),
    ],
)
def test_tasks(name, values, kind, outputs):
    task = infer_target(values, name)
    assert (task.name, task.kind, task.outputs) == (name, kind, outputs)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["b", None, "a"], ["b", None, "a"]),
        (pd.Series([3.0, None, 1.0, 2.0] * 9), [3, None, 1, 2] * 9),
        (["2", "1", "3"] * 9, ["2", "1", "3"] * 9),
        ([True, None, False], [True, None, False]),
        ([["x"], None, ["x", "y"]], [["x"], None, ["x", "y"]]),
        (["x|y", None, "y", "x", "y|x|z", "z"], [["x", "y"], None, ["y"], ["x"], ["y", "x", "z"], ["z"]]),
    ],
)
def test_labels_keep_their_original_type(values, labels):
    task = infer_target(values)
    parsed = read_target(pd.Series(values), task)
    parsed = parsed.tolist() if isinstance(parsed, np.ndarray) else parsed
    assert parsed == labels
    if not isinstance(labels[0], list):
        assert set(task.labels) == {label for label in labels if label is not None}
        assert [type(label) for label in parsed] == [type(label) for label in labels]


def test_numbers_are_read_as_numbers():
    task = infer_target(["1,5", "2,75", None])
    assert np.array_equal(read_target(pd.Series(["3", "x", "0,5"]), task), [3, np.nan, 0.5], equal_nan=True)
    assert task.missing == pytest.approx(1 / 3, abs=1e-5)
    several = infer_target(np.arange(6.0).reshape(3, 2))
    assert read_target(pd.Series([[1, 2], None]), several).shape == (2, 2)


def test_classes_keep_the_order_of_a_categorical():
    task = infer_target(pd.Series(pd.Categorical(["s", "l", "m"], categories=["s", "m", "l"], ordered=True)))
    assert task.labels == ("s", "m", "l")
    assert infer_target([4, 10, 2] * 9, "grade").labels == (2, 4, 10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, None], r"The target 'y' is missing in all 2 rows"),
        ([np.nan, np.nan], "missing in all 2 rows"),
        (["a", "a", None], "holds one value only, 'a'"),
        ([f"text {i}" for i in range(30)], "30 distinct strings in 30 rows; free text cannot be predicted"),
        (pd.date_range("2024-01-01", periods=30), "cells of kind time, which nothing predicts: turn it into a number"),
        (["2024-01-01", "2024-01-02"], "cells of kind time"),
        (["a.png", "b.png"], "cells of kind image"),
        ([{"a": 1}, {"b": 2}], "cells of kind unused"),
        ([[1.0], [1.0, 2.0]], "cells of kind series"),
    ],
)
def test_targets_that_cannot_be_predicted_are_errors(values, message):
    with pytest.raises(DataError, match=message):
        infer_target(values, "y")


@pytest.mark.parametrize("convert", [int, float, Decimal, str, np.int64], ids=lambda convert: convert.__name__)
def test_whole_numbers_that_count_the_rows_are_numbers_whatever_their_type(convert):
    labels = pd.Series([convert(row) for row in range(60)], dtype=object)
    task = infer_target(labels)
    assert task.kind == "number"
    assert read_target(labels, task).tolist() == list(range(60))


def test_codes_with_leading_zeros_are_not_numbers():
    with pytest.raises(DataError, match="60 distinct strings"):
        infer_target([f"{row:05}" for row in range(60)])


@pytest.mark.parametrize("convert", [Decimal, float, lambda label: label if label else 0.0])
def test_classes_that_are_numbers_of_any_type_are_whole_numbers(convert):
    labels = pd.Series([convert(row % 5) for row in range(60)], dtype=object)
    task = infer_target(labels, "kind")
    assert (task.kind, task.labels) == ("multiclass", (0, 1, 2, 3, 4))
    assert set(read_target(labels, task)) == {0, 1, 2, 3, 4}


def test_infinite_decimals_among_classes_are_no_foreign_error():
    labels = pd.Series([Decimal("Infinity"), *map(Decimal, [0, 1, 2] * 20)], dtype=object)
    assert set(infer_target(labels, "kind").labels) >= {0, 1, 2}


def test_a_label_that_is_not_a_single_value_is_missing():
    labels = pd.Series([[1], *([1.5, 2.5, 3.0] * 10)], dtype=object)
    task = infer_target(labels)
    assert task.kind == "number"
    assert np.isnan(read_target(labels, task)[0])
