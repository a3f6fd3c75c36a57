"""What a column of numbers holds: quantities, names that are written as numbers, answers, times."""

from __future__ import annotations

import numpy as np

from medley.core.kinds import Kind
from medley.tables.columns.column_names import is_code_name, is_identifier_name, is_quantity_name, is_time_name
from medley.tables.columns.profile import Look, Verdict
from medley.tables.formats.times import find_epoch

_FEW = 20
_ENOUGH = 50


def judge_numbers(look: Look, values: np.ndarray) -> Verdict:
    """Judges a column of numbers.

    Args:
        look: the column.
        values: its distinct values as float64 (D,), NaN for those that are no numbers.

    Whole numbers may be names ("zipcode"): their own name, or that each row has another one, tells so. Nothing tells
    a rating from a class by its numbers alone: few distinct ones are read as numbers, whose order means something.
    """
    read = np.isfinite(values)
    known, counts = values[read], look.counts[read]
    if set(known.tolist()) <= {0.0, 1.0}:
        return Verdict(Kind.BOOLEAN, "its cells are 0 or 1", 0.9)
    if not (known % 1 == 0).all():
        return Verdict(Kind.NUMBER, "its cells are numbers with fractions", 0.98)
    # Measured in whole units, a float is still a measure; with gaps, whole numbers too come as floats.
    measured = look.series.dtype.kind == "f" and look.present.all()
    return (
        _time(look, known)
        or (None if measured else _identifier(look, known))
        or _code(look, known, counts)
        or _quantity(known)
    )


def _time(look: Look, values: np.ndarray) -> Verdict | None:
    form = find_epoch(values)
    if form is None or not (is_time_name(look.name) or (form == "%Y%m%d" and look.known >= _FEW)):
        return None
    told = "days, written as 20240131" if form == "%Y%m%d" else f"{form[6:]} since 1970"
    return Verdict(Kind.TIME, f"its whole numbers are {told}", 0.9 if is_time_name(look.name) else 0.8, form)


def _identifier(look: Look, values: np.ndarray) -> Verdict | None:
    if len(values) < look.known or len(values) < 3:
        return None
    if is_identifier_name(look.name) or (is_code_name(look.name) and len(values) >= _FEW):
        return Verdict(Kind.IDENTIFIER, "every row has its own, and its name is that of an identifier", 0.98)
    if len(values) < _FEW or is_time_name(look.name) or is_quantity_name(look.name):
        return None
    span = values.max() - values.min() + 1
    if span == len(values):
        return Verdict(Kind.IDENTIFIER, f"it counts the rows, from {values.min():.0f} to {values.max():.0f}", 0.95)
    if len(values) >= span / 2:
        return Verdict(Kind.IDENTIFIER, "every row has its own whole number, with few gaps between them", 0.7)
    return None


def _code(look: Look, values: np.ndarray, counts: np.ndarray) -> Verdict | None:
    told = f"{len(values):,} whole numbers"
    if is_identifier_name(look.name):
        return Verdict(Kind.CATEGORY, f"its name says that its {told} stand for things", 0.85, "int")
    if is_code_name(look.name):
        return Verdict(Kind.CATEGORY, f"its name says that its {told} stand for things", 0.8, "int")
    if look.known >= _ENOUGH and _look_like_codes(values, counts) and not is_quantity_name(look.name):
        return Verdict(Kind.CATEGORY, f"its {told}, all of as many digits, come back often", 0.55, "int")
    return None


def _look_like_codes(values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether numbers look like those of postcodes: 5 digits or more, repeated, unordered gaps, none rounded."""
    digits = np.floor(np.log10(np.maximum(np.abs(values), 1)))
    if values.min() < 10_000 or digits.min() != digits.max() or len(values) > 0.2 * counts.sum():
        return False
    rounded = (values % 10 == 0).mean()
    return bool(rounded < 0.3 and len(values) > 2)


def _quantity(values: np.ndarray) -> Verdict:
    if len(values) > _FEW:
        return Verdict(Kind.NUMBER, "its cells are numbers", 0.95)
    return Verdict(Kind.NUMBER, f"its {len(values)} whole numbers have an order; say category if they are names", 0.8)
