"""What a column of numbers holds: quantities, names that are written as numbers, answers, times."""

from __future__ import annotations

import numpy as np

from medley.tables.columns.names import is_code_name, is_identifier_name, is_quantity_name, is_time_name
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.formats.times import find_epoch

_FEW = 20
_ENOUGH = 50


def infer_from_numbers(profile: ColumnProfile, values: np.ndarray) -> KindGuess:
    """Infers what a column of numbers holds.

    Args:
        profile: the column.
        values: its distinct values as float64 (D,), NaN for those that are no numbers.

    Whole numbers may be names ("zipcode"): their own name, or that each row has another one, tells so. Nothing tells
    a rating from a class by its numbers alone: few distinct ones are read as numbers, whose order means something.
    """
    read = np.isfinite(values)
    known, counts = values[read], profile.counts[read]
    if set(known.tolist()) <= {0.0, 1.0}:
        return KindGuess("boolean", "its cells are 0 or 1", 0.9)
    if not (known % 1 == 0).all():
        return KindGuess("number", "its cells are numbers with fractions", 0.98)
    # Measured in whole units, a float is still a measure; with gaps, whole numbers too come as floats.
    measured = profile.series.dtype.kind == "f" and profile.present.all()
    return (
        _time(profile, known)
        or (None if measured else _identifier(profile, known))
        or _code(profile, known, counts)
        or _quantity(known)
    )


def _time(profile: ColumnProfile, values: np.ndarray) -> KindGuess | None:
    form = find_epoch(values)
    if form is None or not (is_time_name(profile.name) or (form == "%Y%m%d" and profile.known >= _FEW)):
        return None
    told = "days, written as 20240131" if form == "%Y%m%d" else f"{form[6:]} since 1970"
    return KindGuess("time", f"its whole numbers are {told}", 0.9 if is_time_name(profile.name) else 0.8, form)


def _identifier(profile: ColumnProfile, values: np.ndarray) -> KindGuess | None:
    if len(values) < profile.known or len(values) < 3:
        return None
    if is_identifier_name(profile.name) or (is_code_name(profile.name) and len(values) >= _FEW):
        return KindGuess("identifier", "every row has its own, and its name is that of an identifier", 0.98)
    if len(values) < _FEW or is_time_name(profile.name) or is_quantity_name(profile.name):
        return None
    span = values.max() - values.min() + 1
    if span == len(values):
        return KindGuess("identifier", f"it counts the rows, from {values.min():.0f} to {values.max():.0f}", 0.95)
    if len(values) >= span / 2:
        return KindGuess("identifier", "every row has its own whole number, with few gaps between them", 0.7)
    return None


def _code(profile: ColumnProfile, values: np.ndarray, counts: np.ndarray) -> KindGuess | None:
    told = f"{len(values):,} whole numbers"
    if is_identifier_name(profile.name):
        return KindGuess("category", f"its name says that its {told} stand for things", 0.85, "int")
    if is_code_name(profile.name):
        return KindGuess("category", f"its name says that its {told} stand for things", 0.8, "int")
    if profile.known >= _ENOUGH and _look_like_codes(values, counts) and not is_quantity_name(profile.name):
        return KindGuess("category", f"its {told}, all of as many digits, come back often", 0.55, "int")
    return None


def _look_like_codes(values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether numbers look like those of postcodes: 5 digits or more, repeated, unordered gaps, none rounded."""
    digits = np.floor(np.log10(np.maximum(np.abs(values), 1)))
    if values.min() < 10_000 or digits.min() != digits.max() or len(values) > 0.2 * counts.sum():
        return False
    rounded = (values % 10 == 0).mean()
    return bool(rounded < 0.3 and len(values) > 2)


def _quantity(values: np.ndarray) -> KindGuess:
    if len(values) > _FEW:
        return KindGuess("number", "its cells are numbers", 0.95)
    return KindGuess("number", f"its {len(values)} whole numbers have an order; say category if they are names", 0.8)
