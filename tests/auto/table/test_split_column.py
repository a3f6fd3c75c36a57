"""Columns that say which rows are held out."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.auto.table.split_column import read_split_column, true_is_train
from medley.errors import DataError

TRUE_TRAINS = ["is_train", "train", "Training", "isTrain", "in_train", "trainset", "TRAIN_FLAG", "istrain", "not_test"]
TRUE_IS_HELD_OUT = [
    "is_test", "test", "val", "is_valid", "validation", "holdout", "isTest", "dev", "eval", "split", "part",
    "train_test_split", "constraint", "not_train", "fold",
]  # fmt: skip


@pytest.mark.parametrize("name", TRUE_TRAINS)
def test_true_cells_train_where_the_name_says_so(name):
    assert true_is_train(name)


@pytest.mark.parametrize("name", TRUE_IS_HELD_OUT)
def test_true_cells_are_held_out_otherwise(name):
    assert not true_is_train(name)


FORMS = [(True, False), (1, 0), (1.0, 0.0), ("1", "0"), ("True", "FALSE"), ("yes", "no"), ("1.0", "0.0")]


@given(st.sampled_from([*TRUE_TRAINS, *TRUE_IS_HELD_OUT]), st.sampled_from(FORMS), st.lists(st.booleans(), min_size=1))
def test_every_form_of_truth_is_read_by_the_name(name, form, truths):
    if name == "fold" and len(set(truths)) == 1:
        return  # one fold only: all of it is the highest
    parts = read_split_column(pd.Series([form[not truth] for truth in truths]), name)
    trains = [place for place, truth in enumerate(truths) if truth == true_is_train(name)]
    assert parts.train.tolist() == trains
    assert sorted([*parts.train, *parts.held_out]) == list(range(len(truths)))


def test_words_do_not_depend_on_the_name():
    parts = read_split_column(pd.Series(["train", "Validation", "test", "TRAIN"]), "is_train")
    assert (parts.train.tolist(), parts.held_out.tolist(), parts.left_out) == ([0, 3], [1], 1)
    assert parts.meaning == (
        "column 'is_train': 2 training rows (train, TRAIN), 1 validation row (Validation), 1 row left out (test)"
    )


@pytest.mark.parametrize(
    ("cells", "held"), [([0, 1, 2, 2], [2, 3]), ([-1, 0, -1, 0], [1, 3]), ([1.0, 5.0, 3.0, 2.0], [1])]
)
def test_the_highest_fold_is_held_out(cells, held):
    assert read_split_column(pd.Series(cells), "cv_fold").held_out.tolist() == held
    if max(cells) > 1:
        with pytest.raises(DataError, match="The split column 'part' contains"):
            read_split_column(pd.Series(cells), "part")


def test_many_other_words_are_cut():
    with pytest.raises(DataError, match=r"contains '10', '11', '12', '13', '14' and 25 more; use 'train'"):
        read_split_column(pd.Series(range(10, 40)), "part")
