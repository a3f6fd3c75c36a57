"""Kinds of numeric columns: quantities, identifiers, category codes, booleans or times."""

from __future__ import annotations

import numpy as np

from medley.tables.columns.names import is_code_name, is_identifier_name, is_quantity_name, is_time_name
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.formats.times import find_epoch

_FEW_DISTINCT = 20
_ENOUGH_ROWS = 50


def infer_from_numbers(profile: ColumnProfile, values: np.ndarray) -> KindGuess:
    """Infer the kind of a column of numbers.

    Args:
        profile: the column.
        values: its distinct values as float64 (D,), NaN for those that are not numbers.

    Whole numbers may be identifiers or codes ("zipcode"); the column's name, or that all values differ, shows it. A
    rating cannot be distinguished from a class by its numbers alone: few distinct whole numbers are taken as numbers.
    """
    is_finite = np.isfinite(values)
    numbers, counts = values[is_finite], profile.counts[is_finite]
    if not len(numbers):
        return KindGuess("unused", "none of its numbers is finite", 0.9)
    if set(numbers.tolist()) <= {0.0, 1.0}:
        return KindGuess("boolean", "its cells are 0 or 1", 0.9)
    if not (numbers % 1 == 0).all():
        return KindGuess("number", "its cells are numbers with fractions", 0.98)
    # Floats without gaps are measurements, also in whole units; integers with gaps are stored as floats, too.
    is_measurement = profile.series.dtype.kind == "f" and profile.present.all()
    return (
        _time(profile, numbers)
        or (None if is_measurement else _identifier(profile, numbers))
        or _code(profile, numbers, counts)
        or _quantity(numbers)
    )


def _time(profile: ColumnProfile, values: np.ndarray) -> KindGuess | None:
    form = find_epoch(values)
    if form is None or not (is_time_name(profile.name) or (form == "%Y%m%d" and profile.n_present >= _FEW_DISTINCT)):
        return None
    written = "days, written as 20240131" if form == "%Y%m%d" else f"{form[6:]} since 1970"
    return KindGuess("time", f"its whole numbers are {written}", 0.9 if is_time_name(profile.name) else 0.8, form)


def _identifier(profile: ColumnProfile, values: np.ndarray) -> KindGuess | None:
    if len(values) < profile.n_present or len(values) < 3:
        return None
    if is_identifier_name(profile.name) or (is_code_name(profile.name) and len(values) >= _FEW_DISTINCT):
        return KindGuess("identifier", "every row has a different value, and its name is that of an identifier", 0.98)
    if len(values) < _FEW_DISTINCT or is_time_name(profile.name) or is_quantity_name(profile.name):
        return None
    span = values.max() - values.min() + 1
    if span == len(values):
        return KindGuess("identifier", f"it counts the rows, from {values.min():.0f} to {values.max():.0f}", 0.95)
    if len(values) >= span / 2:
        return KindGuess("identifier", "every row has a different whole number, with few gaps between them", 0.7)
    return None


def _code(profile: ColumnProfile, values: np.ndarray, counts: np.ndarray) -> KindGuess | None:
    numbers = f"{len(values):,} whole numbers"
    if is_identifier_name(profile.name):
        return KindGuess("category", f"its name suggests that its {numbers} are codes", 0.85, "int")
    if is_code_name(profile.name):
        return KindGuess("category", f"its name suggests that its {numbers} are codes", 0.8, "int")
    if profile.n_present >= _ENOUGH_ROWS and _look_like_codes(values, counts) and not is_quantity_name(profile.name):
        return KindGuess("category", f"its {numbers}, all with the same number of digits, recur often", 0.55, "int")
    return None


def _look_like_codes(values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether numbers look like postcodes: 5 digits or more, repeated, few of them round."""
    digits = np.floor(np.log10(np.maximum(np.abs(values), 1)))
    if values.min() < 10_000 or digits.min() != digits.max() or len(values) > 0.2 * counts.sum():
        return False
    rounded = (values % 10 == 0).mean()
    return bool(rounded < 0.3 and len(values) > 2)


def _quantity(values: np.ndarray) -> KindGuess:
    if len(values) > _FEW_DISTINCT:
        return KindGuess("number", "its cells are numbers", 0.95)
    return KindGuess("number", f"its {len(values)} whole numbers have an order; set category if they are codes", 0.8)
