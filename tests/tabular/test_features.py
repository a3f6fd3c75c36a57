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
