"""Dates and times in the ways people and programs write them."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.tables.formats.times import find_epoch, find_time_form, numbers_to_times, to_times

# One day is beyond 12, so that day and month cannot be swapped.
TIMES = [datetime(2021, 3, 25, 14, 30, 5), datetime(1999, 12, 1, 0, 0, 0), datetime(2024, 2, 29, 23, 59, 59)]


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC", "%Y/%m/%d"),
        *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y", "%m/%d/%Y %I:%M %p", "%d-%m-%Y", "%m/%d/%y"),
        *("%d %b %Y", "%B %d, %Y", "%d-%b-%y", "%Y%m%d", "%a, %d %b %Y %H:%M:%S", "%b %Y", "%a %b %d %H:%M:%S %Y"),
    ],
)
def test_formats_are_inferred(form):
    strings = [time.strftime(form) for time in TIMES]
    inferred = find_time_form(strings)
    assert inferred is not None
    assert inferred.rival == ""
    expected = [datetime.strptime(string, form) for string in strings]
    assert to_times(strings, inferred.form).astype("datetime64[us]").tolist() == expected


@given(times=st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), min_size=1))
def test_what_python_writes_is_read(times):
    strings = [time.isoformat() for time in times]
    form = find_time_form(strings)
    assert form is not None
    assert to_times(strings, form.form).tolist() == times


@given(strings=st.lists(st.text(max_size=12)))
def test_any_strings_are_accepted(strings):
    form = find_time_form(strings)
    assert form is None or len(to_times(strings, form.form)) == len(strings)


def test_time_zones_are_converted():
    times = to_times(["2024-01-01T12:00:00+02:00", "2024-01-01T12:00:00Z"], "ISO")
    assert times.tolist() == [datetime(2024, 1, 1, 10), datetime(2024, 1, 1, 12)]


def test_ambiguous_days_and_months_have_a_rival_format():
    slashes, dots = find_time_form(["3/4/2024", "5/6/2024"]), find_time_form(["03.04.2024"])
    assert slashes is not None
    assert (slashes.form, slashes.rival) == ("%m/%d/%Y", "%d/%m/%Y")
    assert dots is not None
    assert (dots.form, dots.rival) == ("%d.%m.%Y", "")


@pytest.mark.parametrize(
    "strings", [["a", "b"], ["2024"], ["12", "13"], ["1.5", "2.5"], ["May be"], ["10-20", "20-30"], ["n/a"], []]
)
def test_other_strings_are_not_times(strings):
    assert find_time_form(strings) is None


def test_a_few_gaps_do_not_hide_times():
    strings = ["2024-01-01"] * 98 + ["n/a", "unknown"]
    form = find_time_form(strings)
    assert form is not None
    assert np.isnat(to_times(strings, form.form)).sum() == 2


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_seconds_since_1970(unit):
    times = np.array(TIMES[1:], dtype=f"datetime64[{unit}]")
    values = np.append(times.astype(np.int64).astype(np.float64), np.nan)
    form = find_epoch(values[:2])
    assert form == f"epoch {unit}"
    parsed = numbers_to_times(values, form)
    assert np.abs(parsed[:2] - times).max() < np.timedelta64(1, "ms")
    assert np.isnat(parsed[2])


def test_days_written_as_one_number():
    assert find_epoch(np.array([20240131.0, 20231224.0])) == "%Y%m%d"
    assert find_epoch(np.array([20240131.0, 20241324.0])) is None
    days = numbers_to_times(np.array([20240131.0, np.nan]), "%Y%m%d").astype("datetime64[D]")
    assert days.astype(str).tolist() == ["2024-01-31", "NaT"]
