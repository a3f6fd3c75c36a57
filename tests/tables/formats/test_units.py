"""Units are converted exactly where they measure the same, and never otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.tables.formats.numbers import NumberForm, find_number_form, to_numbers
from medley.tables.formats.units import conversion

FAMILIES = [
    ["g", "kg", "lbs", "oz", "tonnes"],
    ["mm", "cm", "m", "km", "ft", "in", "miles"],
    ["m²", "sqft", "ha", "acres"],
    ["ms", "s", "min", "hours", "days"],
    ["°C", "°F", "kelvin"],
    ["km/h", "mph", "m/s"],
    ["MB", "GB", "KiB"],
    ["$"],
    ["€"],
    ["pieces"],
]
UNITS = [unit for family in FAMILIES for unit in family]


@pytest.mark.parametrize(
    ("unit", "to", "value", "expected"),
    [
        ("lbs", "kg", 50, 22.6796185),
        ("g", "kg", 50_000, 50),
        ("°F", "°C", 212, 100),
        ("mph", "km/h", 60, 96.56064),
        ("Hours", "min", 2, 120),
        ("EUR", "€", 3, 3),
        ("pcs.", "pc", 3, 3),
        ("kW", "mW", 1, 1e6),
    ],
)
def test_conversions(unit, to, value, expected):
    factor, offset = conversion(unit, to) or (float("nan"), 0)
    assert value * factor + offset == pytest.approx(expected)


@given(st.sampled_from(UNITS), st.sampled_from(UNITS), st.floats(-1e3, 1e3))
def test_units_are_converted_there_and_back_within_a_family_only(unit, to, value):
    there, back = conversion(unit, to), conversion(to, unit)
    is_same_family = any(unit in family and to in family for family in FAMILIES)
    assert (there is not None) == (back is not None) == is_same_family
    if there is not None and back is not None:
        converted = value * there[0] + there[1]
        assert converted * back[0] + back[1] == pytest.approx(value, abs=1e-6)


@given(st.lists(st.integers(1, 1000), min_size=3, max_size=20), st.sampled_from(FAMILIES[:7]), st.data())
def test_numbers_of_mixed_units_are_numbers_of_one(numbers, family, data):
    units = [data.draw(st.sampled_from(family)) for _ in numbers]
    strings = [f"{number} {unit}" for number, unit in zip(numbers, units, strict=True)]
    form = find_number_form(strings)
    assert form is not None
    values = to_numbers(strings, NumberForm.parse(str(form)))
    for number, unit, value in zip(numbers, units, values, strict=True):
        factor, offset = conversion(unit, form.unit) or (float("nan"), 0)
        assert value == pytest.approx(number * factor + offset)
