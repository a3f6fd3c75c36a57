"""Dates and times in the ways people and programs write them."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.tables.formats.times import find_epoch, find_time_form, numbers_to_times, to_times

# One with a day beyond 12, so that days and months cannot be exchanged.
TIMES = [datetime(2021, 3, 25, 14, 30, 5), datetime(1999, 12, 1, 0, 0, 0), datetime(2024, 2, 29, 23, 59, 59)]


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S UTC", "%Y/%m/%d"),
        *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y", "%m/%d/%Y %I:%M %p", "%d-%m-%Y", "%m/%d/%y"),
        *("%d %b %Y", "%B %d, %Y", "%d-%b-%y", "%Y%m%d", "%a, %d %b %Y %H:%M:%S", "%b %Y", "%a %b %d %H:%M:%S %Y"),
    ],
)
def test_formats_are_found_out(form):
    words = [time.strftime(form) for time in TIMES]
    found = find_time_form(words)
    assert found is not None
    assert found.rival == ""
    expected = [datetime.strptime(word, form) for word in words]
    assert to_times(words, found.form).astype("datetime64[us]").tolist() == expected


@given(times=st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), min_size=1))
def test_what_python_writes_is_read(times):
    words = [time.isoformat() for time in times]
    found = find_time_form(words)
    assert found is not None
    assert to_times(words, found.form).tolist() == times


@given(words=st.lists(st.text(max_size=12)))
def test_nothing_is_too_strange_to_be_looked_at(words):
    found = find_time_form(words)
    assert found is None or len(to_times(words, found.form)) == len(words)


def test_zones_are_told_apart():
    times = to_times(["2024-01-01T12:00:00+02:00", "2024-01-01T12:00:00Z"], "ISO")
    assert times.tolist() == [datetime(2024, 1, 1, 10), datetime(2024, 1, 1, 12)]


def test_days_and_months_that_can_be_exchanged_are_told():
    slashes, dots = find_time_form(["3/4/2024", "5/6/2024"]), find_time_form(["03.04.2024"])
    assert slashes is not None
    assert (slashes.form, slashes.rival) == ("%m/%d/%Y", "%d/%m/%Y")
    assert dots is not None
    assert (dots.form, dots.rival) == ("%d.%m.%Y", "")


@pytest.mark.parametrize(
    "words", [["a", "b"], ["2024"], ["12", "13"], ["1.5", "2.5"], ["May be"], ["10-20", "20-30"], ["n/a"], []]
)
def test_what_is_no_time(words):
    assert find_time_form(words) is None


def test_a_few_gaps_do_not_hide_times():
    words = ["2024-01-01"] * 98 + ["n/a", "unknown"]
    found = find_time_form(words)
    assert found is not None
    assert np.isnat(to_times(words, found.form)).sum() == 2


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_seconds_since_1970(unit):
    times = np.array(TIMES[1:], dtype=f"datetime64[{unit}]")
    values = np.append(times.astype(np.int64).astype(np.float64), np.nan)
    form = find_epoch(values[:2])
    assert form == f"epoch {unit}"
    read = numbers_to_times(values, form)
    assert np.abs(read[:2] - times).max() < np.timedelta64(1, "ms")
    assert np.isnat(read[2])


def test_days_written_as_one_number():
    assert find_epoch(np.array([20240131.0, 20231224.0])) == "%Y%m%d"
    assert find_epoch(np.array([20240131.0, 20241324.0])) is None
    days = numbers_to_times(np.array([20240131.0, np.nan]), "%Y%m%d").astype("datetime64[D]")
    assert days.astype(str).tolist() == ["2024-01-31", "NaT"]
