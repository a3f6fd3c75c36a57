"""Splitting: complete, disjoint, of the right size, and every class kept in training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.data.split import bins, random_folds, random_sample, split
from medley.errors import ConfigError, DataError


@st.composite
def tables(draw):
    rows = draw(st.integers(2, 60))
    strata = [
        np.array(draw(st.lists(st.integers(-1, most), min_size=rows, max_size=rows)))
        for most in draw(st.lists(st.integers(0, 40), max_size=3))
    ]
    return rows, draw(st.floats(0.01, 0.99)), draw(st.integers(0, 2**31)), strata


def classes(stratum):
    return set(stratum[stratum >= 0].tolist())


@given(tables())
def test_each_row_is_in_one_part_and_sizes_follow_the_fraction(table):
    rows, fraction, seed, strata = table
    train, validation = split(rows, fraction, seed, strata)
    assert sorted([*train, *validation]) == list(range(rows))
    assert 1 <= len(validation) <= rows - 1
    assert abs(len(validation) - rows * fraction) <= 1


@given(tables())
def test_training_has_every_class_if_it_has_enough_rows(table):
    rows, fraction, seed, strata = table
    train, _ = split(rows, fraction, seed, strata)
    if len(train) > sum(len(classes(stratum)) for stratum in strata):
        for stratum in strata:
            assert classes(stratum[train]) == classes(stratum)


@given(st.lists(st.integers(0, 8), min_size=2, max_size=60), st.floats(0.01, 0.99), st.integers(0, 99))
def test_one_target_keeps_as_many_classes_in_training_as_fit(labels, fraction, seed):
    labels = np.array(labels)
    train, _ = split(len(labels), fraction, seed, [labels])
    assert len(classes(labels[train])) == min(len(train), len(classes(labels)))


@given(tables())
def test_the_same_seed_gives_the_same_rows(table):
    first, second = split(*table), split(*table)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@given(st.lists(st.integers(10, 200), min_size=1, max_size=5), st.floats(0.1, 0.5), st.integers(0, 99))
def test_every_class_has_the_same_fraction_of_validation_rows(sizes, fraction, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    _, validation = split(len(labels), fraction, seed, [labels])
    fraction_of_rows = len(validation) / len(labels)
    counts = np.bincount(labels[validation], minlength=len(sizes))
    assert np.abs(counts - np.array(sizes) * fraction_of_rows).max() <= 1


def test_two_targets_are_balanced_together():
    rng = np.random.default_rng(0)
    digit, answer = rng.integers(0, 10, 2000), (rng.random(2000) < 0.1).astype(int)
    _, validation = split(2000, 0.2, 0, [digit, answer])
    cells = np.bincount(2 * digit + answer)
    assert np.abs(np.bincount(2 * digit[validation] + answer[validation]) - cells * 0.2).max() <= 1


def test_unobserved_labels_are_stratified_too():
    labels = np.where(np.arange(1000) % 4 == 0, -1, 1)
    _, validation = split(1000, 0.2, 0, [labels])
    assert (labels[validation] == -1).sum() == 50


def test_rows_are_shuffled_even_where_the_data_are_sorted():
    _, validation = split(1000, 0.2, 0)
    assert 350 < validation.mean() < 650
    assert len(set(np.diff(validation).tolist())) > 5


def test_other_seeds_give_other_rows():
    assert not np.array_equal(split(100, 0.2, 0)[1], split(100, 0.2, 1)[1])


def test_many_rare_classes_are_handled_quickly():
    labels = np.r_[np.arange(20_000), np.zeros(80_000, int)]
    train, _ = split(100_000, 0.2, 0, [labels])
    assert len(classes(labels[train])) == 20_000
    train, validation = split(100_000, 0.2, 0, [np.arange(100_000)])  # not every class fits into training
    assert (len(train), len(validation)) == (80_000, 20_000)


def test_any_whole_numbers_are_codes():
    labels = np.array([10**9, 7, 10**9, 7, 7, 10**9])
    train, _ = split(6, 0.5, 0, [labels])
    assert classes(labels[train]) == {7, 10**9}


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_an_error(rows):
    with pytest.raises(DataError, match=f"At least 2 rows .* got {rows}"):
        split(rows, 0.2, 0)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_an_error(fraction):
    with pytest.raises(ConfigError, match="validation_split must lie between 0 and 1"):
        split(10, fraction, 0)


def test_a_stratum_of_another_length_is_an_error():
    with pytest.raises(DataError, match=r"shape \(10,\).*got \(9,\)"):
        split(10, 0.2, 0, [np.zeros(9, int)])


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), max_size=300), st.integers(1, 12))
def test_bins_follow_the_order_of_the_numbers(values, count):
    values = np.array(values)
    codes = bins(values, count)
    assert codes.shape == values.shape
    assert ((codes == -1) == np.isnan(values)).all()
    observed = values[codes >= 0]
    assert (np.diff(codes[codes >= 0][np.argsort(observed)]) >= 0).all()
    assert codes.max(initial=0) < count


def test_bins_of_distinct_numbers_are_of_equal_size():
    assert np.bincount(bins(np.random.default_rng(0).permutation(100))).tolist() == [10] * 10


def test_a_skewed_target_has_its_tail_on_both_sides():
    values = np.random.default_rng(0).lognormal(sigma=2, size=500)
    train, validation = split(500, 0.2, 0, [bins(values)])
    for side in (train, validation):
        assert np.mean(values[side] > np.quantile(values, 0.9)) == pytest.approx(0.1, abs=0.011)


@given(st.integers(0, 40), st.integers(1, 40))
def test_random_samples_are_distinct_rows_in_order_and_always_the_same(rows, most):
    sample = random_sample(rows, most)
    assert len(sample) == min(rows, most)
    assert set(sample) <= set(range(rows))
    assert (np.diff(sample) > 0).all()
    np.testing.assert_array_equal(sample, random_sample(rows, most))


def test_each_row_is_a_validation_row_of_one_random_fold():
    masks = list(random_folds(23))
    np.testing.assert_array_equal(sum(validation.astype(int) for _, validation in masks), 1)
    assert all((train != validation).all() for train, validation in masks)
