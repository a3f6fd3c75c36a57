"""Numbers in strings come back as the numbers that were written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.tables.formats.numbers import NumberForm, find_number_form, to_numbers

NUMBERS = st.lists(st.integers(-(10**12), 10**12).map(lambda cents: cents / 100), min_size=1, max_size=20)
STYLES = {
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234.5": (" ", "."),
    "1 234,5": ("\u00a0", ","),
    "'": ("'", "."),
}


def written(number, style):
    groups, decimal = STYLES[style]
    whole, cents = f"{number:,.2f}".split(".")
    return whole.replace(",", groups) + decimal + cents


@given(numbers=NUMBERS, style=st.sampled_from(sorted(STYLES)))
def test_separators_are_found_out(numbers, style):
    words = [written(number, style) for number in numbers]
    form = find_number_form(words)
    assert form is not None
    assert to_numbers(words, NumberForm.parse(str(form))).tolist() == numbers


@given(numbers=NUMBERS, unit=st.sampled_from(["%", " %", " kg", "€", " EUR", "°C", " km/h", " m²"]))
def test_one_unit_is_no_obstacle(numbers, unit):
    words = [written(number, "1,234.5") + unit for number in numbers]
    form = find_number_form(words)
    assert form is not None
    assert form.unit == unit.strip()
    assert to_numbers(words, form).tolist() == numbers


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_python_writes_numbers_that_are_read(numbers):
    words = [repr(number) for number in numbers]
    assert np.array_equal(to_numbers(words), np.array(numbers))


@given(words=st.lists(st.text(max_size=12)))
def test_nothing_is_too_strange_to_be_looked_at(words):
    form = find_number_form(words)
    values = to_numbers(words, form)
    assert values.shape == (len(words),)
    assert not np.isinf(values).any()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (["$1,200.50", "$ -3", "($7)", "-$8"], [1200.5, -3, -7, -8]),
        (["1.2k", "3M", "950", "2bn"], [1200, 3e6, 950, 2e9]),
        (["12,34,567", "1,00,000"], [1234567, 100000]),
        (["12 %", "n/a", "7%", "?"], [12, np.nan, 7, np.nan]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1,500", "2,250"], [1500, 2250]),
        (["1.500", "2.250"], [1.5, 2.25]),
        (["\u22125", "+3"], [-5, 3]),
        (["1e3", "2.5E-2"], [1000, 0.025]),
    ],
)
def test_ways_to_write_numbers(words, numbers):
    form = find_number_form(words)
    assert form is not None
    assert np.array_equal(to_numbers(words, form), np.array(numbers), equal_nan=True)


@pytest.mark.parametrize(
    "words",
    [
        ["007", "12"],
        ["12 kg", "14 lb"],
        ["12A", "13B", "14C"],
        ["1.2.3", "1.2.4"],
        ["10/12", "12:30"],
        ["192.168.0.1"],
        ["1_000"],
        ["one", "two"],
        ["n/a", "-"],
        [],
    ],
)
def test_what_is_no_number(words):
    assert find_number_form(words) is None


def test_a_comma_before_three_digits_may_be_either_and_says_so():
    form = find_number_form(["1,500", "2,250"])
    assert form is not None
    assert not form.sure
    sure = find_number_form(["1,500", "1,234,567"])
    assert sure is not None
    assert sure.sure


def test_a_megabyte_of_anything_is_no_number_and_costs_little():
    for word in ("1" * 10**6 + "x", "1," * 500_000, " " * 10**6, "(" * 10**6):
        assert np.isnan(to_numbers([word])).all()
