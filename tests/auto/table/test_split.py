"""Splits of tables: by columns, at random, and duplicates that must not straddle."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.auto.table.split import fold_rows, held_out_blocks, split_rows, time_blocks
from medley.errors import ConfigError, DataError


def halves(frame, fraction=0.25, same=None, strata=(), **options):
    train, held = split_rows(frame, fraction, 0, list(strata), same, **options)
    assert not set(train) & set(held)
    return train, held


@given(st.integers(10, 60), st.integers(1, 4))
def test_copies_of_a_row_stay_on_one_side(rows, copies):
    same = np.tile(np.arange(rows), copies)
    train, held = halves(pd.DataFrame({"x": same}), same=same)
    assert sorted([*train, *held]) == list(range(rows * copies))
    assert not set(same[train]) & set(same[held])
    assert 0.1 < len(held) / len(same) < 0.4


def test_a_split_that_keeps_copies_together_is_still_stratified():
    same = np.repeat(np.arange(100), 2)
    kind = same % 2
    train, held = halves(pd.DataFrame({"x": same}), same=same, strata=[kind])
    assert kind[held].mean() == pytest.approx(0.5, abs=0.05)
    assert kind[train].mean() == pytest.approx(0.5, abs=0.05)


def test_rows_that_few_values_cannot_tell_apart_are_no_copies():
    same = np.arange(300) % 3
    train, held = halves(pd.DataFrame({"x": same}), same=same)
    assert len(held) == 75
    assert set(same[train]) == set(same[held])


def test_rows_of_one_group_stay_together_missing_ones_too():
    owner = pd.Series(["a", "b", "c", None] * 10)
    train, held = halves(pd.DataFrame({"owner": owner}), group="owner")
    assert not set(owner[train].fillna("")) & set(owner[held].fillna(""))
    assert len(held) == 10


@pytest.mark.parametrize(
    "years", [[2001, 2009, 2003, 2009], ["2001-05-01", "2009-01-02", "2003-02-03", "2009-01-02"]], ids=["int", "str"]
)
def test_the_latest_rows_are_held_out_all_of_one_moment(years):
    train, held = halves(pd.DataFrame({"when": years}), time="when")
    assert (train.tolist(), held.tolist()) == ([0, 2], [1, 3])


def test_a_time_that_is_missing_cannot_be_ordered():
    with pytest.raises(DataError, match="'when': 1 of its cells"):
        halves(pd.DataFrame({"when": ["2001-01-01", None, "2002-01-01"]}), time="when")


@pytest.mark.parametrize(
    "cells",
    [["train", "Validation", "test", "TRAIN"], [0, 1, "test", 0], [False, True, "holdout", False]],
    ids=["words", "numbers", "bools"],
)
def test_a_column_may_say_it_itself(cells):
    train, held = halves(pd.DataFrame({"part": cells}), given="part")
    assert (train.tolist(), held.tolist()) == ([0, 3], [1])


def test_other_words_in_a_split_column_are_told():
    with pytest.raises(DataError, match="holds 'later'"):
        halves(pd.DataFrame({"part": ["train", "later", "val"]}), given="part")


def test_both_sides_need_rows():
    with pytest.raises(DataError, match="no row is held out"):
        halves(pd.DataFrame({"part": ["train", "train"]}), given="part")
    with pytest.raises(DataError, match="no row is train"):
        halves(pd.DataFrame({"part": ["val", "val"]}), given="part")


def test_columns_that_are_not_there_and_two_ways_at_once_are_told_together():
    with pytest.raises(ConfigError, match=r"(?s)2 errors.*group, time.*'owner' is no column"):
        halves(pd.DataFrame({"when": [1, 2]}), group="owner", time="when")


def test_one_group_and_missing_words_are_told_plainly():
    with pytest.raises(DataError, match="by 'g': all are of one group"):
        halves(pd.DataFrame({"g": ["x"] * 8}), group="g")
    with pytest.raises(DataError, match="2 of its cells are missing, the first in row 1"):
        halves(pd.DataFrame({"part": ["train", None, "validation", np.nan]}), given="part")


def test_every_row_is_in_one_of_five_folds_of_about_one_size():
    folds = fold_rows(pd.DataFrame({"x": range(103)}), 0, [])
    assert sorted(np.bincount(folds).tolist()) == [20, 20, 21, 21, 21]
    assert fold_rows(pd.DataFrame({"x": range(103)}), 0, []).tolist() == folds.tolist()


def test_folds_keep_duplicates_and_groups_together():
    same = np.repeat(np.arange(60), 2)
    frame = pd.DataFrame({"who": np.repeat(np.arange(24), 5)})
    for folds, codes in ((fold_rows(frame, 0, [], same), same), (fold_rows(frame, 0, [], group="who"), frame["who"])):
        assert (pd.Series(folds).groupby(np.asarray(codes)).nunique() == 1).all()
        assert len(np.unique(folds)) == 5


def test_folds_are_stratified():
    kind = (np.arange(200) % 10 == 0).astype(int)
    folds = fold_rows(pd.DataFrame({"x": range(200)}), 0, [kind])
    assert np.bincount(folds[kind == 1]).tolist() == [4] * 5


def test_periods_of_time_are_whole_and_in_order():
    days = np.datetime64("2020-01-01") + np.repeat(np.arange(40), 3)
    shuffled = np.random.default_rng(0).permutation(len(days))
    blocks = time_blocks(days[shuffled], 5)
    order = blocks[np.argsort(days[shuffled], kind="stable")]
    assert (np.diff(order) >= 0).all()
    assert np.bincount(blocks).tolist() == [24] * 5
    assert (pd.Series(blocks).groupby(days[shuffled]).nunique() == 1).all()


def test_held_out_periods_are_a_fraction_of_the_rows_and_no_moment_is_on_both_sides():
    days = np.datetime64("2020-01-01") + np.repeat(np.arange(100), 3)
    train, held = held_out_blocks(days, 0.2, 0)
    assert not set(days[train]) & set(days[held])
    assert 0.15 < len(held) / len(days) < 0.25


def test_a_group_column_that_is_not_there_or_the_same_everywhere_is_an_error():
    with pytest.raises(ConfigError, match="whom"):
        fold_rows(pd.DataFrame({"who": [1, 2]}), 0, [], group="whom")
    with pytest.raises(DataError, match="all are of one group"):
        fold_rows(pd.DataFrame({"who": [1, 1]}), 0, [], group="who")
