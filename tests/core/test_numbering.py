"""Rows are told by the caller's numbers, and once, however they were divided on their way."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from medley.core.numbering import Notice, gathered, note, numbered, row_number
from medley.errors import BadImageWarning


@dataclass
class Odd:
    row: int


def sentence(found, total):
    return f"{len(found)} of {total} are odd: {[one.row for one in found]}"


def notice(*positions, total=5):
    return Notice([Odd(row_number(one)) for one in positions], total, sentence, BadImageWarning)


def test_positions_are_told_as_the_callers_numbers_only_inside():
    with numbered(np.array([4, 8])):
        assert row_number(1) == 8
        with numbered(None):
            assert row_number(1) == 1
        assert row_number(0) == 4
    assert row_number(1) == 1


def noted_in_parts():
    with gathered("photo: ") as held:
        for numbers in ([9, 2], [5, 7, 1]):
            with numbered(np.array(numbers)):
                note(notice(0, total=len(numbers)))
    return held


def test_notices_of_all_parts_become_one_warning_in_the_order_of_rows():
    with pytest.warns(BadImageWarning) as caught:
        held = noted_in_parts()
    assert [str(one.message) for one in caught] == ["photo: 2 of 5 are odd: [5, 9]"]
    assert [one.row for one in held.notices[0].found] == [5, 9]
    assert caught[0].filename == __file__


def noted_of_two():
    with gathered():
        for name in ("front: ", "back: "):
            with gathered(name):
                note(notice(3))


def test_notices_of_other_inputs_stay_apart_and_names_are_joined():
    with pytest.warns(BadImageWarning) as caught:
        noted_of_two()
    assert [str(one.message) for one in caught] == ["front: 1 of 5 are odd: [3]", "back: 1 of 5 are odd: [3]"]


def noted_before_an_error():
    with gathered():
        note(notice(1))
        raise ValueError("stop")


def test_an_error_and_nothing_found_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        note(notice())
        with pytest.raises(ValueError, match="stop"):
            noted_before_an_error()
