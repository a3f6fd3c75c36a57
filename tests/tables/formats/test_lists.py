"""Sets of labels and lists in strings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.tables.formats.lists import find_label_form, read_list, read_numbers, split_labels

GENRES = ["Drama|War", "Comedy", "Comedy|Drama", "War|Drama|Comedy", "Action|War", "Action"]


@pytest.mark.parametrize("delimiter", ["|", ";", ","])
def test_labels_that_combine_are_a_set(delimiter):
    strings = [string.replace("|", delimiter) for string in GENRES]
    form = find_label_form(strings, [3, 5, 2, 1, 1, 1])
    assert form is not None
    assert (form.delimiter, form.labels) == (delimiter, 4)
    assert form.several == pytest.approx(7 / 13)


@pytest.mark.parametrize(
    "strings",
    [
        ["Austin, TX", "Boston, MA", "Dallas, TX", "Houston, TX"],
        ["Braund, Mr. Owen", "Heikkinen, Miss. Laina", "Allen, Mr. William"],
        ["I liked it, mostly; well done", "no, never", "good | bad, all in all"],
        ["low, dry", "high, dry", "high, wet"],
        ["a", "b"],
        ["|", "||"],
        [],
    ],
)
def test_other_strings_are_not_sets(strings):
    assert find_label_form(strings, [1] * len(strings)) is None


@given(labels=st.lists(st.text("abc d", min_size=1).map(str.strip).filter(bool), unique=True))
def test_labels_that_were_joined_are_split(labels):
    assert split_labels("|".join(labels), "|") == labels
    assert split_labels(" ; ".join(labels), ";") == labels
    assert split_labels(json.dumps(labels), "[]") == labels
    assert split_labels(repr(labels), "[]") == labels


@given(numbers=st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_lists_of_numbers_are_parsed_in_every_format(numbers):
    spaced = " ".join(map(repr, numbers))
    for string in (json.dumps(numbers), f"[{spaced}]", spaced, ",".join(map(repr, numbers))):
        assert read_numbers(string) == numbers
    assert read_list(json.dumps(numbers)) == numbers


@given(string=st.text("[](){}'\"0123456789.,eE-+ ax\n", max_size=30))
def test_any_string_is_accepted(string):
    items, numbers, labels = read_list(string), read_numbers(string), split_labels(string, "[]")
    assert items is None or isinstance(items, list)
    assert numbers is None or all(isinstance(number, float) for number in numbers)
    assert len(labels) == len(set(labels)) <= len(items or ())


def test_lists_are_parsed_and_never_evaluated():
    assert read_list("__import__('os').getcwd()") is None
    assert read_list("[__import__('os')]") is None
