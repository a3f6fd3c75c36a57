"""Dates and times in strings and in whole numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

_SHAPE = re.compile(r"(?=.*\d)[\w.,:/+\- ]{4,40}")
_ISO = re.compile(r"\d{4}-\d\d?(-\d\d?([T ]\d\d?:\d\d(:\d\d(\.\d+)?)?\s?(Z|UTC|[+-]\d\d(:?\d\d)?)?)?)?")
# If several formats fit, the first wins: day before month with dots and dashes, month before day with slashes.
_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
    *("%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y", "%a, %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%Y%m%d"),
    *("%b %Y", "%B %Y", "%m/%Y", "%m.%Y", "%Y/%m", "%Y-%m"),
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S")
_OTHERS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%a %b %d %H:%M:%S %Y")
_FORMATS = (*(day + hour for day in _DAYS for hour in _CLOCKS), *_OTHERS)
_EPOCHS = {"s": (5e8, 5e9), "ms": (5e11, 5e12), "us": (5e14, 5e15), "ns": (5e17, 5e18)}  # 1985 to 2128
TIME_FORMS = ("", "ISO", "duration", *_FORMATS, *(f"epoch {unit}" for unit in _EPOCHS))
"""All forms that times are found to be written in."""


@dataclass(frozen=True)
class TimeForm:
    """How the times of a column are written.

    Args:
        form: `"ISO"` or a format of `strptime`.
        rival: the same format with day and month swapped, if it parses the strings equally well; else "".
    """

    form: str
    rival: str = ""


def find_time_form(strings: Sequence[str]) -> TimeForm | None:
    """Find out how the times of a column are written, from some of its distinct strings; None if they are not times.

    >>> find_time_form(["2024-02-01", "2024-02-01 12:30"]).form, find_time_form(["13.02.2024"]).form
    ('ISO', '%d.%m.%Y')
    >>> find_time_form(["3/4/2024", "5/6/2024"])
    TimeForm(form='%m/%d/%Y', rival='%d/%m/%Y')
    """
    if not strings or not _mostly_match([_SHAPE.fullmatch(string) for string in strings]):
        return None
    if _mostly_match([_ISO.fullmatch(string) for string in strings]) and _parsed_rate(strings, "ISO") >= 0.95:
        return TimeForm("ISO")
    stride = -(-len(strings) // 5)
    candidates = [
        form
        for form in _FORMATS
        if sum(_parses(string, form) for string in strings[::stride]) >= len(strings[::stride]) / 2
    ]
    rates = {form: _parsed_rate(strings, form) for form in candidates}
    best = max(rates.values(), default=0.0)
    if best < 0.95:
        return None
    first, *others = [form for form, rate in rates.items() if rate == best]
    return TimeForm(first, next((form for form in others if sorted(form) == sorted(first)), ""))


def to_times(strings: Sequence[str], form: str) -> np.ndarray:
    """Parse strings as times.

    Args:
        strings: S strings.
        form: `"ISO"` or a format of `strptime`.

    Returns:
        datetime64[us] (S,), converted to UTC if they have time zones, NaT where a string cannot be parsed.

    >>> to_times(["13.02.2024", "n/a"], "%d.%m.%Y").astype("datetime64[D]").tolist()
    [datetime.date(2024, 2, 13), None]
    """
    import pandas as pd

    series = pd.Series([string.strip().removesuffix("UTC") for string in strings], dtype=object)
    values = pd.to_datetime(series, format="ISO8601" if form == "ISO" else form, errors="coerce", utc=True)
    return values.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def find_epoch(values: np.ndarray) -> str | None:
    """The form of whole numbers (V,) that count time since 1970, `"epoch s"`, ..., or are days, `"%Y%m%d"`; else None.

    >>> find_epoch(np.array([1.7e9, 1.6e9])), find_epoch(np.array([20240131, 20231224])), find_epoch(np.array([7]))
    ('epoch s', '%Y%m%d', None)
    """
    for unit, (low, high) in _EPOCHS.items():
        if values.min() >= low and values.max() <= high:
            return f"epoch {unit}"
    if values.min() >= 19000101 and values.max() <= 21001231:
        sample = values[:: -(-len(values) // 200)].astype(np.int64)
        return "%Y%m%d" if all(_parses(str(value), "%Y%m%d") for value in sample.tolist()) else None
    return None


def numbers_to_times(values: np.ndarray, form: str) -> np.ndarray:
    """Convert whole numbers (V,), NaN where missing, to datetime64[us]; `form` is as found by `find_epoch`."""
    present = np.isfinite(values)
    whole = np.where(present, values, 0).astype(np.int64)
    if form.startswith("epoch "):
        times = whole.astype(f"datetime64[{form[6:]}]").astype("datetime64[us]")
    else:
        times = to_times([str(value) for value in whole.tolist()], form)
    times[~present] = np.datetime64("NaT", "us")
    return times


def _mostly_match(matches: Sequence[Any]) -> bool:
    return sum(match is not None for match in matches) >= 0.95 * len(matches)


def _parsed_rate(strings: Sequence[str], form: str) -> float:
    return float(np.mean(~np.isnat(to_times(strings, form))))


def _parses(string: str, form: str) -> bool:
    try:
        datetime.strptime(string, form)
    except ValueError:
        return False
    return True
