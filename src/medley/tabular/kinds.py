"""Kinds of plain columns: numbers, booleans, times, categories."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind, cannot_parse
from medley.tables.columns.numbers import infer_from_numbers
from medley.tables.columns.parsing import parse_distinct, spread
from medley.tables.columns.profile import ColumnProfile, KindGuess, label_form
from medley.tables.formats.booleans import parse_boolean
from medley.tables.formats.numbers import COMMA, POINT, NumberForm, find_number_form, to_numbers
from medley.tables.formats.times import TIME_FORMS, find_epoch, find_time_form, numbers_to_times, to_times

_MOSTLY = 0.95
_DURATION = re.compile(r"-?\d{1,6} days?(?: [+-]?\d\d:\d\d:\d\d(?:\.\d{1,9})?)?")


class BooleanKind(ColumnKind, register="tabular.boolean_kind"):
    """Booleans: true and false, yes and no, and other common pairs of words."""

    name = "boolean"
    is_cellwise = True
    has_number_markers = True
    rank = 10.0
    compared_as = "label"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain or len(profile.values) != 2:
            return None
        if {parse_boolean(string) for string in profile.strings} != {True, False}:
            return None
        return KindGuess(self.name, f"its cells are {' or '.join(map(repr, sorted(profile.strings)))}", 0.98)

    def override(self, profile: ColumnProfile) -> KindGuess:
        if profile.is_plain and {parse_boolean(string) for string in profile.all_strings} <= {True, False}:
            return KindGuess(self.name, SET_BY_CALLER, 1.0)
        raise cannot_parse(profile, self.name)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """Objects (B,): True, False or None."""
        return parse_distinct(profile, lambda value: parse_boolean(str(value).strip()))

    def describe(self, form: str, distinct: int) -> str:
        return "yes or no"


class NumberKind(ColumnKind, register="tabular.number_kind"):
    """Numbers, also in strings: with thousands separators, decimal commas, percent signs, currencies and units.

    Some columns of numbers have another kind, which `medley.tables.columns.numbers` infers: codes are categories, row
    numbers are identifiers, 0 and 1 are booleans, seconds since 1970 are times.
    """

    name = "number"
    is_cellwise = True
    keeps_numbers = True
    has_number_markers = True
    rank = 40.0
    forms = rf"(duration|({re.escape(POINT)}|{re.escape(COMMA)})( .*)?)?"
    compared_as = "number"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        form = find_number_form(profile.strings) if profile.is_plain else None
        if form is None:
            is_duration = profile.is_plain and all(map(_DURATION.fullmatch, profile.strings))
            return (
                KindGuess(self.name, "its strings are durations, read as days", 0.95, "duration")
                if is_duration
                else None
            )
        values = to_numbers(profile.all_strings, form)
        parsed = np.isfinite(values)
        parsed_fraction = profile.fraction(parsed)
        if parsed_fraction < _MOSTLY:
            return None
        guess = infer_from_numbers(profile, values)
        if guess.kind != self.name:
            plain = "str" if guess.kind == "category" else guess.form
            return KindGuess(guess.kind, guess.reason, guess.confidence - 0.05, plain)
        reason = f"its strings are numbers written as {form}" if str(form) != "1,234.5" else "its strings are numbers"
        if not form.sure and form.style == "1,234.5" and any("," in string for string in profile.strings):
            reason += ", where commas separate thousands"
        odd = [text for text, value in zip(profile.all_strings, values, strict=True) if np.isnan(value)]
        if odd:
            more = ", ..." if len(odd) > 3 else ""
            reason += f"; {', '.join(map(repr, odd[:3]))}{more} and the like count as missing"
        confidence = (0.95 if form.sure else 0.85) * parsed_fraction
        return KindGuess(self.name, reason, confidence, str(form), unparsed=profile.unparsed(parsed))

    def override(self, profile: ColumnProfile) -> KindGuess:
        if not profile.is_plain:
            raise cannot_parse(profile, self.name)
        if profile.values.dtype.kind in "biuf":
            return KindGuess(self.name, SET_BY_CALLER, 1.0)
        if profile.values.dtype.kind == "m":
            return KindGuess(self.name, SET_BY_CALLER, 1.0, "duration")
        form = find_number_form(profile.strings) or _lenient_form(profile)
        parsed = np.isfinite(to_numbers(profile.all_strings, form))
        if not parsed.any():
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0, str(form), unparsed=profile.unparsed(parsed))

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """float64 (B,), NaN where missing; durations in days."""
        if not profile.is_plain:
            return np.full(len(profile.series), np.nan), ~profile.present
        dtype = profile.values.dtype.kind
        if dtype in "biuf":
            distinct = profile.values.astype(np.float64)
        elif dtype == "m":
            distinct = profile.values.astype("timedelta64[us]").astype(np.int64) / 86_400e6
        elif dtype == "M":
            distinct = np.full(len(profile.values), np.nan)
        else:
            is_duration = form == "duration"
            number_form = NumberForm(unit="days") if is_duration else NumberForm.parse(form)
            distinct = to_numbers(profile.all_strings, number_form)
            for place in np.flatnonzero(np.isnan(distinct)):
                distinct[place] = _object_to_number(profile.values[place], is_duration=is_duration)
        values = spread(profile, distinct, np.nan)
        return values, ~np.isnan(values)

    def describe(self, form: str, distinct: int) -> str:
        return "a number, standardised"


class TimeKind(ColumnKind, register="tabular.time_kind"):
    """Dates and times, in strings, as objects, or as seconds, milliseconds, ... since 1970."""

    name = "time"
    is_cellwise = True
    has_number_markers = True
    rank = 50.0
    forms = "|".join(map(re.escape, TIME_FORMS))
    compared_as = "number"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        match = find_time_form(profile.strings) if profile.is_plain else None
        if match is None:
            return None
        parsed = ~np.isnat(to_times(profile.all_strings, match.form))
        parsed_fraction = profile.fraction(parsed)
        if parsed_fraction < _MOSTLY:
            return None
        is_iso = match.form == "ISO"
        reason = "its strings are ISO dates" if is_iso else f"its strings are times written as {match.form}"
        if match.rival:
            reason += f"; they can also be read as {match.rival}"
        confidence = (0.6 if match.rival else 0.97) * parsed_fraction
        return KindGuess(self.name, reason, confidence, match.form, unparsed=profile.unparsed(parsed))

    def override(self, profile: ColumnProfile) -> KindGuess:
        if not profile.is_plain:
            raise cannot_parse(profile, self.name)
        if profile.values.dtype.kind == "M":
            return KindGuess(self.name, SET_BY_CALLER, 1.0)
        if profile.values.dtype.kind in "iuf":
            form = find_epoch(profile.values[np.isfinite(profile.values)].astype(np.float64))
            if form is None:
                raise cannot_parse(profile, self.name)
            return KindGuess(self.name, SET_BY_CALLER, 1.0, form)
        match = find_time_form(profile.strings)
        form = "ISO" if match is None else match.form
        parsed = ~np.isnat(to_times(profile.all_strings, form))
        if not parsed.any():
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0, form, unparsed=profile.unparsed(parsed))

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """datetime64[us] (B,) in UTC, NaT where missing."""
        import pandas as pd

        if not profile.is_plain:
            return np.full(len(profile.series), np.datetime64("NaT", "us")), ~profile.present
        dtype = profile.values.dtype.kind
        if dtype == "M":
            distinct = profile.values.astype("datetime64[us]")
        elif dtype in "iuf":
            distinct = numbers_to_times(profile.values.astype(np.float64), form or "epoch s")
        elif profile.types and not any(issubclass(cell_type, str) for cell_type in profile.types):
            times = pd.to_datetime(pd.Series(profile.values), errors="coerce", utc=True)
            distinct = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        elif form.startswith("epoch "):
            distinct = numbers_to_times(to_numbers(profile.all_strings), form)
        else:
            distinct = to_times(profile.all_strings, form or "ISO")
        values = spread(profile, distinct, np.datetime64("NaT", "us"))
        return values, ~np.isnat(values)

    def describe(self, form: str, distinct: int) -> str:
        return "time elapsed; year, week and day as cycles"


class CategoryKind(ColumnKind, register="tabular.category_kind"):
    """Recurring values without an order; the kind of plain columns that no other kind recognises."""

    name = "category"
    is_cellwise = True
    rank = 90.0
    compared_as = "label"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain:
            return None
        distinct, present = len(profile.values), profile.n_present
        ratio = distinct / present
        confidence = 0.95 if ratio <= 0.1 else 0.8 if ratio <= 0.5 else 0.5
        return KindGuess(self.name, f"{distinct:,} distinct values in {present:,} rows", confidence, "str")

    def override(self, profile: ColumnProfile) -> KindGuess:
        if not profile.is_plain:
            raise cannot_parse(profile, self.name)
        return KindGuess(self.name, SET_BY_CALLER, 1.0, label_form(profile.values))

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """Objects (B,) of one type of label (str, int, float, bool), None where missing."""
        return parse_distinct(profile, _LABELS.get(form, _string_label))

    def describe(self, form: str, distinct: int) -> str:
        return f"one of {distinct:,} categories"

    def reads_as_text(self, form: str) -> bool:
        return form in ("", "str")


def _lenient_form(profile: ColumnProfile) -> NumberForm:
    styles = ("1,234.5", "1.234,5")
    parsed = {style: np.isfinite(to_numbers(profile.strings, NumberForm(style))).sum() for style in styles}
    return NumberForm(max(parsed, key=lambda style: parsed[style]))


def _object_to_number(value: Any, *, is_duration: bool) -> float:
    if is_duration and isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        import pandas as pd

        value = pd.Timedelta(value.strip())
    days = getattr(value, "total_seconds", None)
    if days is not None:
        return float(days()) / 86_400
    return float("nan") if isinstance(value, str) else _finite(value)


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _string_label(value: Any) -> str:
    # A file in which all strings happen to be digits is read as numbers; with gaps, as fractions.
    is_whole = isinstance(value, float) and value % 1 == 0
    return str(int(value) if is_whole else value).strip()


def _int_label(value: Any) -> int | str:
    number = _finite(value)
    return int(number) if number % 1 == 0 else str(value).strip()


def _float_label(value: Any) -> float | str:
    number = _finite(value)
    return str(value).strip() if np.isnan(number) else number


def _bool_label(value: Any) -> bool | str:
    answer = parse_boolean(str(value).strip())
    return str(value).strip() if answer is None else answer


_LABELS: dict[str, Callable[[Any], Any]] = {
    "str": _string_label,
    "int": _int_label,
    "float": _float_label,
    "bool": _bool_label,
}
