"""Inference of the kinds of a table's columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from medley.core.column import ColumnGuess, TaskGuess
from medley.errors import DataError, ErrorCollector
from medley.tables.columns.cells import table_cells
from medley.tables.columns.guard import guarded
from medley.tables.columns.kind import column_kinds, kind_named, overridden
from medley.tables.columns.missing import (
    MissingValueSpec,
    describe_missing,
    usual_missing_values,
    without_missing_values,
)
from medley.tables.columns.numbers import infer_from_numbers
from medley.tables.columns.objects import is_list_like, items_of, type_names
from medley.tables.columns.profile import ColumnProfile, KindGuess, are_numbers, is_absent, label_form, profile_of
from medley.tables.columns.relation import TargetRelation
from medley.tables.columns.schema import Schema, check_kinds
from medley.tables.reading.read import Table, read
from medley.tables.reading.sanitize import UnreadableCell

_MOST_EXAMPLES = 3
_SAMPLE_CELLS = 200
_LONGEST_EXAMPLE = 40


def infer(
    table: Any,
    overrides: Mapping[str, str] | None = None,
    sample_rows: int = 10_000,
    *,
    missing_values: Any = None,
    targets: Mapping[str, TaskGuess] | None = None,
) -> Schema:
    """Infer the kind of each column, with reason and confidence.

    Distinct values are counted over all rows; lists, and how strings are written, are examined in a sample.

    Args:
        table: a table of any form that `read.read` accepts; training rows only, if others are to be predicted.
        overrides: column -> kind that the caller sets.
        sample_rows: the most rows that are examined one by one.
        missing_values: strings and numbers that stand for missing values, in addition to those that are inferred; or a
            dict from column to all of its missing values.
        targets: column -> its task, where columns are to be predicted: then a number that predicts one is not taken
            for an identifier or a code.

    Returns:
        A guess for every column, in the order of the columns.

    Raises:
        DataError: a column cannot be parsed as the kind in `overrides`, or a name or kind is unknown (reports all).

    >>> schema = infer({"size": ["1,5 kg", "2,0 kg", "9,5 kg"], "note": ["a", "b", "a"]})
    >>> {name: guess.kind for name, guess in schema.items()}
    {'size': 'number', 'note': 'category'}
    """
    table = read(table)
    errors, guesses = ErrorCollector(), []
    profiles: dict[str, ColumnProfile] = {}
    kinds = check_kinds(overrides or {}, table.frame.columns, errors)
    spec = MissingValueSpec.of(missing_values, errors)
    if spec is not missing_values:
        spec.check(table.frame.columns, errors)
    relation = _relation(table, targets or {})
    for name in table.frame.columns:
        profile = without_missing_values(profile_of(table, name, sample_rows), spec, kinds.get(name))
        if relation is not None and name not in (targets or {}):
            profile = profile.related(relation)
        profiles[name] = profile
        with errors.collecting(DataError):
            kind_guess = infer_kind(profile)
            if name in kinds:
                kind_guess = overridden(profile, kinds[name], kind_guess)
            guesses.append(_column_guess(profile, kind_guess))
    errors.raise_if_any(DataError)
    return Schema(_with_families(guesses, kinds, profiles))


def _relation(table: Table, targets: Mapping[str, TaskGuess]) -> TargetRelation | None:
    cells = [table_cells(table, task.cells).values for name, task in targets.items() if name in table.frame.columns]
    return TargetRelation(cells) if cells else None


def _with_families(
    guesses: Sequence[ColumnGuess], overridden_names: Collection[str], profiles: Mapping[str, ColumnProfile]
) -> list[ColumnGuess]:
    """Replace the guesses of columns that form a family (one column per time step) by the kind of the family."""
    inferred = [guess for guess in guesses if guess.name not in overridden_names]
    families: dict[str, KindGuess] = {}
    for kind in column_kinds():
        families = {**kind.claim_families(inferred, profiles), **families}
    return [_in_family(guess, families[guess.name]) if guess.name in families else guess for guess in guesses]


def _in_family(guess: ColumnGuess, family: KindGuess) -> ColumnGuess:
    return replace(
        guess,
        kind=family.kind,
        reason=family.reason,
        confidence=family.confidence,
        form=family.form,
        description=kind_named(family.kind).describe(family.form, guess.distinct),
        is_used=True,
    )


def infer_column(profile: ColumnProfile) -> ColumnGuess:
    """Infer the kind of one column, from a profile `without_missing_values`, as `infer` does."""
    return _column_guess(profile, infer_kind(profile))


def infer_kind(profile: ColumnProfile) -> KindGuess:
    """Infer the kind of a column: from the type of its cells if possible, else the first kind that recognises it."""
    if profile.kind_guess is None:
        profile.kind_guess = guarded(profile, _infer)
    return profile.kind_guess


def _infer(profile: ColumnProfile) -> KindGuess:
    if not profile.n_present:
        return KindGuess("constant", "every cell is missing", 1.0)
    if not profile.is_plain:
        kind_guess = _ask_kinds(profile)
        if kind_guess is None and profile.is_mostly_plain:
            return _infer(profile.single_valued)
        return kind_guess or _unused_objects(profile)
    if len(profile.values) == 1 and len(profile.series) > 1:
        return _single_value(profile)
    dtype = profile.series.dtype
    if str(dtype) == "category":
        return KindGuess("category", "it is categorical in the frame", 1.0, label_form(profile.values))
    match getattr(dtype, "kind", "O"):
        case "b":
            return KindGuess("boolean", "its cells are True or False", 1.0)
        case "M":
            return KindGuess("time", "its cells are times", 1.0)
        case "m":
            return KindGuess("number", "its cells are durations, read as days", 1.0, "duration")
        case "i" | "u" | "f":
            return infer_from_numbers(profile, profile.values.astype(np.float64))
        case "c":
            return KindGuess("unused", "nothing reads complex numbers", 0.9)
    return _infer_objects(profile)


def _ask_kinds(profile: ColumnProfile) -> KindGuess | None:
    return next((guess for kind in column_kinds() if (guess := kind.recognize(profile)) is not None), None)


def _unused_objects(profile: ColumnProfile) -> KindGuess:
    cells = profile.sample(_SAMPLE_CELLS)
    if all(isinstance(cell, UnreadableCell) for cell in cells):
        row = int(np.flatnonzero(profile.present)[0])
        return KindGuess("unused", f"nothing reads its cells ({cells[0]}; the first is in row {row})", 0.9)
    if not all(map(is_list_like, cells)):
        return KindGuess("unused", f"nothing reads its cells ({type_names(cells)})", 0.9)
    items = [item for cell in cells for item in items_of(cell) if not is_absent(item)]
    if not items:
        return KindGuess("unused", "its lists are empty", 0.9)
    return KindGuess("unused", f"nothing reads its cells: lists of {type_names(items)}", 0.9)


def _single_value(profile: ColumnProfile) -> KindGuess:
    value = f"{_shortened(profile.values[0])!r}"
    if profile.present.all():
        return KindGuess("constant", f"every row holds {value}", 1.0)
    return KindGuess("category", f"a row holds {value} or nothing", 0.8, label_form(profile.values))


def _infer_objects(profile: ColumnProfile) -> KindGuess:
    """Infer the kind of a column of Python objects: from their types, or how strings and mixed cells are written."""
    from datetime import date, timedelta

    types = profile.types
    if types and all(issubclass(kind, bool | np.bool_) for kind in types):
        return KindGuess("boolean", "its cells are True or False", 1.0)
    if are_numbers(types):
        return infer_from_numbers(profile, profile.values.astype(np.float64))
    if types and all(issubclass(kind, date | np.datetime64) for kind in types):
        return KindGuess("time", "its cells are times", 1.0)
    if types and all(issubclass(kind, timedelta | np.timedelta64) for kind in types):
        return KindGuess("number", "its cells are durations, read as days", 1.0, "duration")
    kind_guess = _ask_kinds(profile) or KindGuess("unused", "no kind recognises it", 0.5)
    if len(types) > 1 and kind_guess.kind in ("category", "identifier"):
        names = ", ".join(sorted(kind.__name__ for kind in types))
        return KindGuess(
            kind_guess.kind, f"{kind_guess.reason}, of mixed types ({names})", 0.5 * kind_guess.confidence, "str"
        )
    return kind_guess


def _column_guess(profile: ColumnProfile, kind_guess: KindGuess) -> ColumnGuess:
    kind, usual = kind_named(kind_guess.kind), usual_missing_values(kind_guess.kind)
    profile = profile.single_valued if kind.is_single_valued else profile
    distinct = len(profile.values) if profile.is_plain else kind_guess.labels or profile.n_present
    missing = 1 - profile.n_present / len(profile.series) + kind_guess.unparsed
    examples = (
        profile.values[:: max(len(profile.values) // _MOST_EXAMPLES, 1)].tolist() if profile.is_plain else profile.cells
    )
    return ColumnGuess(
        name=profile.name,
        kind=kind_guess.kind,
        reason="; ".join(filter(None, [kind_guess.reason, describe_missing(profile)])),
        confidence=round(float(kind_guess.confidence), 2),
        missing=round(float(missing), 6),
        distinct=distinct,
        examples=tuple(_shortened(value) for value in examples[:_MOST_EXAMPLES]),
        description=kind.describe(kind_guess.form, kind_guess.labels or distinct),
        form=kind_guess.form,
        is_used=kind.is_used,
        missing_values=None if profile.missing_values == usual else tuple(sorted(profile.missing_values)),
    )


def _shortened(value: Any) -> str:
    if isinstance(value, np.ndarray) or hasattr(value, "getbands") or hasattr(value, "detach"):
        return f"{type(value).__name__} {tuple(getattr(value, 'shape', getattr(value, 'size', ())))}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    text = " ".join(text[: 2 * _LONGEST_EXAMPLE].split())
    return text if len(text) <= _LONGEST_EXAMPLE else text[: _LONGEST_EXAMPLE - 3] + "..."
