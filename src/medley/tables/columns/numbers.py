"""Kinds of numeric columns: quantities, identifiers, category codes, booleans or times."""

from __future__ import annotations

import numpy as np

from medley.tables.columns.names import (
    is_code_name,
    is_counter_name,
    is_identifier_name,
    is_quantity_name,
    is_time_name,
)
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.formats.times import find_epoch

_FEW_DISTINCT = 20
_ENOUGH_ROWS = 50


def infer_from_numbers(profile: ColumnProfile, values: np.ndarray) -> KindGuess:
    """Infer the kind of a column of numbers.

    Args:
        profile: the column.
        values: its distinct values as float64 (D,), NaN for those that are not numbers.

    Whole numbers may be identifiers or codes ("zipcode"). What they hold decides: whether they count the rows or recur,
    and how they are related to the targets, where these are known. The column's name only decides what the numbers
    leave open. A number whose order predicts a target is not left out, unless its column is named as an identifier. A
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
    by_row = np.append(values, np.nan)[profile.codes]
    return (
        _time(profile, numbers)
        or (None if is_measurement else _identifier(profile, numbers, by_row))
        or _code(profile, numbers, counts, by_row)
        or _quantity(numbers)
    )


def _time(profile: ColumnProfile, values: np.ndarray) -> KindGuess | None:
    form = find_epoch(values)
    if form is None or not (is_time_name(profile.name) or (form == "%Y%m%d" and profile.n_present >= _FEW_DISTINCT)):
        return None
    written = "days, written as 20240131" if form == "%Y%m%d" else f"{form[6:]} since 1970"
    return KindGuess("time", f"its whole numbers are {written}", 0.9 if is_time_name(profile.name) else 0.8, form)


def _identifier(profile: ColumnProfile, values: np.ndarray, by_row: np.ndarray) -> KindGuess | None:
    if len(values) < profile.n_present or len(values) < 3:
        return None
    name, relation = profile.name, profile.relation
    if is_identifier_name(name):
        reason = "every row has a different value, and its name is that of an identifier"
        is_predictive = relation is not None and relation.is_predicted_by(by_row)
        return KindGuess("identifier", reason + ("; yet its order predicts a target" if is_predictive else ""), 0.98)
    if len(values) < _FEW_DISTINCT or is_time_name(name) or is_quantity_name(name):
        return None
    guess = _unnamed_identifier(name, values, by_row)
    if guess is None or relation is None or not relation.is_predicted_by(by_row):
        return guess
    return KindGuess("number", f"{guess.reason}, but its order predicts a target", 0.7)


def _unnamed_identifier(name: str, values: np.ndarray, by_row: np.ndarray) -> KindGuess | None:
    """Whether whole numbers that all differ identify rows, by their order and gaps, and by a name that allows it."""
    steps = np.diff(by_row[np.isfinite(by_row)])
    if (steps == 1).all() or (steps == -1).all():
        return KindGuess("identifier", f"it counts the rows, from {values.min():.0f} to {values.max():.0f}", 0.95)
    if is_code_name(name):
        return KindGuess("identifier", "every row has a different value, and its name is that of a code", 0.9)
    if is_counter_name(name) and len(values) >= (values.max() - values.min() + 1) / 2:
        return KindGuess("identifier", "every row has a different whole number, with few gaps between them", 0.7)
    return None


def _code(profile: ColumnProfile, values: np.ndarray, counts: np.ndarray, by_row: np.ndarray) -> KindGuess | None:
    name, relation = profile.name, profile.relation
    guess = _named_code(name, values, counts) or _recurring_code(name, values, counts)
    if guess is not None:
        if relation is None or not relation.prefers_order(by_row):
            return guess
        return KindGuess("number", f"the order of its {len(values):,} whole numbers predicts a target", 0.7)
    return None


def _named_code(name: str, values: np.ndarray, counts: np.ndarray) -> KindGuess | None:
    reason = f"its name suggests that its {len(values):,} whole numbers are codes"
    if is_identifier_name(name):
        return KindGuess("category", reason, 0.85, "int")
    # Codes recur, and negative numbers are no codes.
    does_recur = len(values) <= max(counts.sum() / 2, _FEW_DISTINCT)
    return (
        KindGuess("category", reason, 0.8, "int") if is_code_name(name) and does_recur and values.min() >= 0 else None
    )


def _recurring_code(name: str, values: np.ndarray, counts: np.ndarray) -> KindGuess | None:
    """Whether numbers look like postcodes: 5 digits or more, repeated, few of them round."""
    digits = np.floor(np.log10(np.maximum(np.abs(values), 1)))
    if counts.sum() < _ENOUGH_ROWS or is_quantity_name(name) or values.min() < 10_000 or digits.min() != digits.max():
        return None
    if len(values) > 0.2 * counts.sum() or len(values) <= 2 or (values % 10 == 0).mean() >= 0.3:
        return None
    reason = f"its {len(values):,} whole numbers, all with the same number of digits, recur often"
    return KindGuess("category", reason, 0.55, "int")


def _quantity(values: np.ndarray) -> KindGuess:
    if len(values) > _FEW_DISTINCT:
        return KindGuess("number", "its cells are numbers", 0.95)
    return KindGuess("number", f"its {len(values)} whole numbers have an order; set category if they are codes", 0.8)
