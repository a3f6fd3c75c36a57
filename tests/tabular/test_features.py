"""Plain columns as features of linear models."""

import numpy as np

from medley.tabular.features import SCALE, TableFeatures

RNG = np.random.default_rng(0)
TABLE = {
    "size": [*RNG.normal(size=99), None],
    "kind": [("a", "b", "c", "rare")[min(row % 40, 3)] for row in range(100)],
}


def matrix(features, table):
    (block,), present = features.encode(table)
    return block.matrix, present


def test_features_are_standardised_over_the_training_rows():
    values, _ = matrix(TableFeatures().fit(TABLE), TABLE)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-4)
    deviations = values.std(axis=0)
    assert ((np.abs(deviations - SCALE) < 1e-3) | (deviations == 0)).all()


def test_rows_without_any_cell_are_zeros_and_strange_cells_are_finite():
    features = TableFeatures().fit(TABLE)
    values, present = matrix(features, {"size": [None, 1e30, float("nan")], "kind": [None, "never seen", "a"]})
    assert present.tolist() == [False, True, True]
    assert not values[0].any()
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 5


def test_what_was_learnt_comes_back():
    features = TableFeatures().fit(TABLE)
    again = TableFeatures().restore(features.state())
    np.testing.assert_array_equal(matrix(features, TABLE)[0], matrix(again, TABLE)[0])


def test_numbers_leave_out_categories_and_times():
    table = {"size": RNG.normal(size=50), "day": np.datetime64("2020-01-01") + np.arange(50), "kind": ["a", "b"] * 25}
    features = TableFeatures().fit(table)
    assert features.numbers(table).shape == (50, 1)


def test_few_rows_have_the_features_that_they_have_among_many():
    rng = np.random.default_rng(1)
    whole = rng.integers(0, 4, 100).astype(float)
    whole[::7] = np.nan
    table = {**TABLE, "whole": whole, "constant": np.ones(100), "day: days": np.arange(100.0)}
    features = TableFeatures().fit(table)
    many, present = matrix(features, table)
    for place in (0, 7, 98, 99):
        few, few_present = matrix(features, {name: cells[place : place + 1] for name, cells in table.items()})
        np.testing.assert_array_equal(few[0], many[place])
        assert few_present[0] == present[place]
