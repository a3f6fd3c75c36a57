"""Splits of tables by columns and at random, and folds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.auto.table.split import fold_rows, periods, split_periods, split_rows
from medley.errors import ConfigError, DataError


def split(frame, fraction=0.25, duplicates=None, strata=(), **options):
    train, validation = split_rows(frame, fraction, 0, list(strata), duplicates, **options)
    assert not set(train) & set(validation)
    return train, validation


@given(st.integers(10, 60), st.integers(1, 4))
def test_duplicates_are_not_separated(rows, copies):
    duplicates = np.tile(np.arange(rows), copies)
    train, validation = split(pd.DataFrame({"x": duplicates}), duplicates=duplicates)
    assert sorted([*train, *validation]) == list(range(rows * copies))
    assert not set(duplicates[train]) & set(duplicates[validation])
    assert 0.1 < len(validation) / len(duplicates) < 0.4


def test_a_split_that_does_not_separate_duplicates_is_stratified():
    duplicates = np.repeat(np.arange(100), 2)
    kind = duplicates % 2
    train, validation = split(pd.DataFrame({"x": duplicates}), duplicates=duplicates, strata=[kind])
    assert kind[validation].mean() == pytest.approx(0.5, abs=0.05)
    assert kind[train].mean() == pytest.approx(0.5, abs=0.05)


def test_duplicates_are_ignored_if_they_are_most_rows():
    duplicates = np.arange(300) % 3
    train, validation = split(pd.DataFrame({"x": duplicates}), duplicates=duplicates)
    assert len(validation) == 75
    assert set(duplicates[train]) == set(duplicates[validation])


def test_rows_of_a_group_are_not_separated_even_if_it_is_missing():
    owner = pd.Series(["a", "b", "c", None] * 10)
    train, validation = split(pd.DataFrame({"owner": owner}), group="owner")
    assert not set(owner[train].fillna("")) & set(owner[validation].fillna(""))
    assert len(validation) == 10


@pytest.mark.parametrize(
    "years", [[2001, 2009, 2003, 2009], ["2001-05-01", "2009-01-02", "2003-02-03", "2009-01-02"]], ids=["int", "str"]
)
def test_the_latest_rows_are_validation_rows_and_equal_times_are_not_separated(years):
    train, validation = split(pd.DataFrame({"when": years}), time="when")
    assert (train.tolist(), validation.tolist()) == ([0, 2], [1, 3])


def test_missing_times_are_an_error():
    with pytest.raises(DataError, match="'when': 1 of its cells"):
        split(pd.DataFrame({"when": ["2001-01-01", None, "2002-01-01"]}), time="when")


@pytest.mark.parametrize(
    "cells",
    [["train", "Validation", "test", "TRAIN"], [0, 1, "test", 0], [False, True, "holdout", False]],
    ids=["words", "numbers", "bools"],
)
def test_a_column_may_mark_training_and_validation_rows(cells):
    train, validation = split(pd.DataFrame({"part": cells}), split="part")
    assert (train.tolist(), validation.tolist()) == ([0, 3], [1])


def test_unknown_cells_in_a_split_column_are_an_error():
    with pytest.raises(DataError, match="contains 'later'"):
        split(pd.DataFrame({"part": ["train", "later", "val"]}), split="part")


def test_both_parts_need_rows():
    with pytest.raises(DataError, match="leaves no validation rows"):
        split(pd.DataFrame({"part": ["train", "train"]}), split="part")
    with pytest.raises(DataError, match="leaves no training rows"):
        split(pd.DataFrame({"part": ["val", "val"]}), split="part")


def test_errors_in_several_arguments_are_reported_together():
    with pytest.raises(ConfigError, match=r"(?s)2 errors.*group, time.*'owner' is not a column"):
        split(pd.DataFrame({"when": [1, 2]}), group="owner", time="when")


def test_a_single_group_and_missing_marks_are_errors():
    with pytest.raises(DataError, match="by 'g': all rows are of one group"):
        split(pd.DataFrame({"g": ["x"] * 8}), group="g")
    with pytest.raises(DataError, match="2 of its cells are missing, the first in row 1"):
        split(pd.DataFrame({"part": ["train", None, "validation", np.nan]}), split="part")


def test_every_row_is_in_one_of_five_folds_of_about_equal_size():
    folds = fold_rows(pd.DataFrame({"x": range(103)}), 0, [])
    assert sorted(np.bincount(folds).tolist()) == [20, 20, 21, 21, 21]
    assert fold_rows(pd.DataFrame({"x": range(103)}), 0, []).tolist() == folds.tolist()


def test_folds_do_not_separate_duplicates_and_groups():
    duplicates = np.repeat(np.arange(60), 2)
    frame = pd.DataFrame({"who": np.repeat(np.arange(24), 5)})
    for folds, codes in (
        (fold_rows(frame, 0, [], duplicates), duplicates),
        (fold_rows(frame, 0, [], group="who"), frame["who"]),
    ):
        assert (pd.Series(folds).groupby(np.asarray(codes)).nunique() == 1).all()
        assert len(np.unique(folds)) == 5


def test_folds_are_stratified():
    kind = (np.arange(200) % 10 == 0).astype(int)
    folds = fold_rows(pd.DataFrame({"x": range(200)}), 0, [kind])
    assert np.bincount(folds[kind == 1]).tolist() == [4] * 5


def test_periods_are_in_order_and_do_not_separate_equal_times():
    days = np.datetime64("2020-01-01") + np.repeat(np.arange(40), 3)
    shuffled = np.random.default_rng(0).permutation(len(days))
    period_of_row = periods(days[shuffled], 5)
    order = period_of_row[np.argsort(days[shuffled], kind="stable")]
    assert (np.diff(order) >= 0).all()
    assert np.bincount(period_of_row).tolist() == [24] * 5
    assert (pd.Series(period_of_row).groupby(days[shuffled]).nunique() == 1).all()


def test_validation_periods_are_a_fraction_of_the_rows_and_do_not_separate_equal_times():
    days = np.datetime64("2020-01-01") + np.repeat(np.arange(100), 3)
    train, validation = split_periods(days, 0.2, 0)
    assert not set(days[train]) & set(days[validation])
    assert 0.15 < len(validation) / len(days) < 0.25


def test_each_fold_has_periods_of_the_whole_range_of_times():
    days = np.datetime64("2020-01-01") + np.repeat(np.arange(400), 3)
    shuffled = np.random.default_rng(0).permutation(len(days))
    folds = fold_rows(pd.DataFrame({"x": range(len(days))}), 0, [], times=days[shuffled])
    in_order = pd.Series(folds, days[shuffled]).sort_index()
    assert (in_order.groupby(level=0).nunique() == 1).all()  # equal times are in one fold
    assert np.bincount(folds).tolist() == [240] * 5
    assert (in_order.to_numpy()[::12].reshape(-1, 5).sum(axis=1) == sum(range(5))).all()  # five periods of four days


def test_a_missing_or_constant_group_column_is_an_error():
    with pytest.raises(ConfigError, match="whom"):
        fold_rows(pd.DataFrame({"who": [1, 2]}), 0, [], group="whom")
    with pytest.raises(DataError, match="all rows are of one group"):
        fold_rows(pd.DataFrame({"who": [1, 1]}), 0, [], group="who")
