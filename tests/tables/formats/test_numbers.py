"""Numbers in strings are parsed as the numbers that were written."""

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
def test_separators_are_inferred(numbers, style):
    strings = [written(number, style) for number in numbers]
    form = find_number_form(strings)
    assert form is not None
    assert to_numbers(strings, NumberForm.parse(str(form))).tolist() == numbers


@given(numbers=NUMBERS, unit=st.sampled_from(["%", " %", " kg", "€", " EUR", "°C", " km/h", " m²"]))
def test_a_unit_is_inferred_and_removed(numbers, unit):
    strings = [written(number, "1,234.5") + unit for number in numbers]
    form = find_number_form(strings)
    assert form is not None
    assert form.unit == unit.strip()
    assert to_numbers(strings, form).tolist() == numbers


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_written_by_python_are_parsed(numbers):
    strings = [repr(number) for number in numbers]
    assert np.array_equal(to_numbers(strings), np.array(numbers))


@given(strings=st.lists(st.text(max_size=12)))
def test_any_strings_are_accepted(strings):
    form = find_number_form(strings)
    values = to_numbers(strings, form)
    assert values.shape == (len(strings),)
    assert not np.isinf(values).any()


@pytest.mark.parametrize(
    ("strings", "numbers"),
    [
        (["$1,200.50", "$ -3", "($7)", "-$8"], [1200.5, -3, -7, -8]),
        (["1.2k", "3M", "950", "2bn"], [1200, 3e6, 950, 2e9]),
        (["12,34,567", "1,00,000"], [1234567, 100000]),
        (["12 %", "7%"], [12, 7]),
        (["1 kg", "2 kg", "500 g", "1 lb"], [1, 2, 0.5, 0.45359237]),
        (["<0.1", "0.2", "65+"], [0.1, 0.2, 65]),
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1,500", "2,250"], [1500, 2250]),
        (["1.500", "2.250"], [1.5, 2.25]),
        (["\u22125", "+3"], [-5, 3]),
        (["1e3", "2.5E-2"], [1000, 0.025]),
    ],
)
def test_ways_to_write_numbers(strings, numbers):
    form = find_number_form(strings)
    assert form is not None
    assert np.array_equal(to_numbers(strings, form), np.array(numbers), equal_nan=True)


@pytest.mark.parametrize(
    "strings",
    [
        ["007", "12"],
        ["12 kg", "14 cm"],
        ["12 $", "14 €"],
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
def test_other_strings_are_not_numbers(strings):
    assert find_number_form(strings) is None


def test_a_comma_before_three_digits_is_ambiguous():
    form = find_number_form(["1,500", "2,250"])
    assert form is not None
    assert not form.sure
    unambiguous = find_number_form(["1,500", "1,234,567"])
    assert unambiguous is not None
    assert unambiguous.sure


def test_long_strings_are_rejected_quickly():
    for string in ("1" * 10**6 + "x", "1," * 500_000, " " * 10**6, "(" * 10**6):
        assert np.isnan(to_numbers([string])).all()
