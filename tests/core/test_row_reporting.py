"""Errors and warnings refer to rows by the caller's numbers; rows encoded in batches give one warning."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from medley.core.row_reporting import RowWarning, WarningCollector, row_number, using_row_numbers, warn_about_rows
from medley.errors import BadImageWarning


@dataclass
class Item:
    row: int


def message(items, total):
    return f"{len(items)} of {total} are unreadable: {[item.row for item in items]}"


def row_warning(*positions, total=5):
    return RowWarning([Item(row_number(position)) for position in positions], total, message, BadImageWarning)


def test_the_callers_numbers_are_used_only_inside_the_context():
    with using_row_numbers(np.array([4, 8])):
        assert row_number(1) == 8
        with using_row_numbers(None):
            assert row_number(1) == 1
        assert row_number(0) == 4
    assert row_number(1) == 1


def warn_in_batches():
    with WarningCollector("photo: ") as collector:
        for numbers in ([9, 2], [5, 7, 1]):
            with using_row_numbers(np.array(numbers)):
                warn_about_rows(row_warning(0, total=len(numbers)))
    return collector


def test_warnings_of_all_batches_are_merged_in_the_order_of_rows():
    with pytest.warns(BadImageWarning) as caught:
        collector = warn_in_batches()
    assert [str(warning.message) for warning in caught] == ["photo: 2 of 5 are unreadable: [5, 9]"]
    assert [item.row for item in collector.warnings[0].items] == [5, 9]
    assert caught[0].filename == __file__


def warn_of_two_inputs():
    with WarningCollector():
        for prefix in ("front: ", "back: "):
            with WarningCollector(prefix):
                warn_about_rows(row_warning(3))


def test_warnings_of_different_inputs_are_not_merged():
    with pytest.warns(BadImageWarning) as caught:
        warn_of_two_inputs()
    assert [str(warning.message) for warning in caught] == [
        "front: 1 of 5 are unreadable: [3]",
        "back: 1 of 5 are unreadable: [3]",
    ]


def warn_before_an_error():
    with WarningCollector():
        warn_about_rows(row_warning(1))
        raise ValueError("stop")


def test_no_warning_without_items_or_after_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_about_rows(row_warning())
        with pytest.raises(ValueError, match="stop"):
            warn_before_an_error()
