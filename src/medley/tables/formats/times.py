"""Dates and times in strings and in whole numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from medley.tables.formats.numbers import NO_VALUE

_SHAPE = re.compile(r"(?=.*\d)[\w.,:/+\- ]{4,40}")
_ISO = re.compile(r"\d{4}-\d\d?(-\d\d?([T ]\d\d?:\d\d(:\d\d(\.\d+)?)?\s?(Z|UTC|[+-]\d\d(:?\d\d)?)?)?)?")
# Where two read a word alike, the first wins: days first with dots and dashes, months first with slashes.
_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
    *("%b %d %Y", "%B %d %Y", "%d-%b-%Y", "%d-%b-%y", "%a, %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%Y%m%d"),
    *("%b %Y", "%B %Y", "%m/%Y", "%m.%Y", "%Y/%m", "%Y-%m"),
)
_HOURS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S")
_ALONE = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%a %b %d %H:%M:%S %Y")
_FORMATS = (*(day + hour for day in _DAYS for hour in _HOURS), *_ALONE)
_EPOCHS = {"s": (5e8, 5e9), "ms": (5e11, 5e12), "us": (5e14, 5e15), "ns": (5e17, 5e18)}  # 1985 to 2128


@dataclass(frozen=True)
class TimeForm:
    """How the times of a column are written.

    Args:
        form: `"ISO"` or a format of `strptime`.
        rival: the same format with day and month exchanged, where it reads the words as well; else "".
    """

    form: str
    rival: str = ""


def find_time_form(words: Sequence[str]) -> TimeForm | None:
    """How times are written in a column, from some of its distinct words; None where they are no times.

    >>> find_time_form(["2024-02-01", "2024-02-01 12:30"]).form, find_time_form(["13.02.2024"]).form
    ('ISO', '%d.%m.%Y')
    >>> find_time_form(["3/4/2024", "5/6/2024"])
    TimeForm(form='%m/%d/%Y', rival='%d/%m/%Y')
    """
    told = [word for word in words if word.lower() not in NO_VALUE]
    if not told or not _mostly([_SHAPE.fullmatch(word) for word in told]):
        return None
    if _mostly([_ISO.fullmatch(word) for word in told]) and _share_read(told, "ISO") >= 0.95:
        return TimeForm("ISO")
    step = -(-len(told) // 5)
    few = [form for form in _FORMATS if sum(_reads(word, form) for word in told[::step]) >= len(told[::step]) / 2]
    shares = {form: _share_read(told, form) for form in few}
    best = max(shares.values(), default=0.0)
    if best < 0.95:
        return None
    first, *others = [form for form, share in shares.items() if share == best]
    return TimeForm(first, next((form for form in others if sorted(form) == sorted(first)), ""))


def to_times(words: Sequence[str], form: str) -> np.ndarray:
    """Words as times.

    Args:
        words: W strings.
        form: `"ISO"` or a format of `strptime`.

    Returns:
        datetime64[us] (W,), in UTC where zones are told, NaT where a word cannot be read.

    >>> to_times(["13.02.2024", "n/a"], "%d.%m.%Y").astype("datetime64[D]").tolist()
    [datetime.date(2024, 2, 13), None]
    """
    import pandas as pd

    told = pd.Series([word.strip().removesuffix("UTC") for word in words], dtype=object)
    values = pd.to_datetime(told, format="ISO8601" if form == "ISO" else form, errors="coerce", utc=True)
    return values.dt.tz_localize(None).to_numpy().astype("datetime64[us]")


def find_epoch(values: np.ndarray) -> str | None:
    """Whether whole numbers (V,) count time since 1970: `"epoch s"`, ..., or are days: `"%Y%m%d"`; else None.

    >>> find_epoch(np.array([1.7e9, 1.6e9])), find_epoch(np.array([20240131, 20231224])), find_epoch(np.array([7]))
    ('epoch s', '%Y%m%d', None)
    """
    for unit, (low, high) in _EPOCHS.items():
        if values.min() >= low and values.max() <= high:
            return f"epoch {unit}"
    if values.min() >= 19000101 and values.max() <= 21001231:
        some = values[:: -(-len(values) // 200)].astype(np.int64)
        return "%Y%m%d" if all(_reads(str(value), "%Y%m%d") for value in some.tolist()) else None
    return None


def numbers_to_times(values: np.ndarray, form: str) -> np.ndarray:
    """Whole numbers (V,), NaN where missing, as datetime64[us]; `form` as found by `find_epoch`."""
    known = np.isfinite(values)
    whole = np.where(known, values, 0).astype(np.int64)
    if form.startswith("epoch "):
        times = whole.astype(f"datetime64[{form[6:]}]").astype("datetime64[us]")
    else:
        times = to_times([str(value) for value in whole.tolist()], form)
    times[~known] = np.datetime64("NaT")
    return times


def _mostly(matches: Sequence[Any]) -> bool:
    return sum(match is not None for match in matches) >= 0.95 * len(matches)


def _share_read(words: Sequence[str], form: str) -> float:
    return float(np.mean(~np.isnat(to_times(words, form))))


def _reads(word: str, form: str) -> bool:
    try:
        datetime.strptime(word, form)
    except ValueError:
        return False
    return True
