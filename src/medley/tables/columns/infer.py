"""Guesses what each column of a table holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.column import ColumnGuess
from medley.core.kinds import Kind
from medley.errors import DataError, ErrorCollector
from medley.tables.columns.numbers import judge_numbers
from medley.tables.columns.objects import judge_objects
from medley.tables.columns.overrides import overruled
from medley.tables.columns.profile import ColumnProfile, KindGuess, label_form
from medley.tables.columns.schema import Schema, becomes, known_kinds
from medley.tables.columns.strings import judge_words
from medley.tables.reading.read import read

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = 3
_LONGEST_EXAMPLE = 40


def infer(table: Any, overrides: Mapping[str, Kind | str] | None = None, sample_rows: int = 10_000) -> Schema:
    """Guesses what each column holds, with reason and confidence.

    Distinct values are counted over all rows; what is slow to look at (lists, the shape of strings) in a sample.

    Args:
        table: rows of any form that `source.read` knows; training rows, where others are to be predicted.
        overrides: column -> kind, where the caller knows better.
        sample_rows: how many rows may be looked at one by one.

    Returns:
        A guess for every column, in their order.

    Raises:
        DataError: a column cannot be what `overrides` says, or has no such name or kind (all are told).

    >>> schema = infer({"size": ["1,5 kg", "2,0 kg", "9,5 kg"], "note": ["a", "b", "a"]})
    >>> {name: str(guess.kind) for name, guess in schema.items()}
    {'size': 'number', 'note': 'category'}
    """
    table = read(table)
    errors, guesses = ErrorCollector(), []
    kinds = known_kinds(overrides or {}, table.frame.columns, errors)
    for name in table.frame.columns:
        profile = ColumnProfile(name, table.frame[name], table.root, sample_rows)
        try:
            kind_guess = overruled(profile, kinds[name], judge(profile)) if name in kinds else judge(profile)
        except DataError as error:
            errors.add(str(error))
            continue
        guesses.append(_guess(profile, kind_guess))
    errors.raise_if_any(DataError)
    return Schema(guesses)


def infer_column(series: pd.Series, name: str = "", root: Path | None = None) -> ColumnGuess:
    """Guesses what one column holds; as `infer`."""
    profile = ColumnProfile(name or str(series.name), series, root or Path())
    return _guess(profile, judge(profile))


def judge(profile: ColumnProfile) -> KindGuess:
    """What a column holds, by the type of its cells."""
    if not profile.known:
        return KindGuess(Kind.CONSTANT, "every cell is missing", 1.0)
    if not profile.is_plain:
        return judge_objects(profile)
    if len(profile.values) == 1 and len(profile.series) > 1:
        return _judge_lone_value(profile)
    dtype = profile.series.dtype
    if str(dtype) == "category":
        return KindGuess(Kind.CATEGORY, "the frame's own type says so", 1.0, label_form(profile.values))
    match getattr(dtype, "kind", "O"):
        case "b":
            return KindGuess(Kind.BOOLEAN, "its cells are True or False", 1.0)
        case "M":
            return KindGuess(Kind.TIME, "its cells are times", 1.0)
        case "m":
            return KindGuess(Kind.NUMBER, "its cells are durations, read as days", 1.0, "duration")
        case "i" | "u" | "f":
            return judge_numbers(profile, profile.values.astype(np.float64))
        case "c":
            return KindGuess(Kind.UNUSED, "nothing reads complex numbers", 0.9)
    return _judge_plain_objects(profile)


def _judge_lone_value(profile: ColumnProfile) -> KindGuess:
    only = f"{_short(profile.values[0])!r}"
    if profile.present.all():
        return KindGuess(Kind.CONSTANT, f"every row holds {only}", 1.0)
    return KindGuess(Kind.CATEGORY, f"a row holds {only} or nothing", 0.8, label_form(profile.values))


def _judge_plain_objects(profile: ColumnProfile) -> KindGuess:
    """Judges objects by what they are, strings and mixtures by how they read."""
    from datetime import date, timedelta

    types = profile.types
    if types and all(issubclass(one, bool | np.bool_) for one in types):
        return KindGuess(Kind.BOOLEAN, "its cells are True or False", 1.0)
    if types and all(issubclass(one, int | float | Decimal | np.number) and one is not bool for one in types):
        return judge_numbers(profile, profile.values.astype(np.float64))
    if types and all(issubclass(one, date | np.datetime64) for one in types):
        return KindGuess(Kind.TIME, "its cells are times", 1.0)
    if types and all(issubclass(one, timedelta | np.timedelta64) for one in types):
        return KindGuess(Kind.NUMBER, "its cells are durations, read as days", 1.0, "duration")
    kind_guess = judge_words(profile)
    if len(types) > 1 and kind_guess.kind in (Kind.CATEGORY, Kind.IDENTIFIER):
        names = ", ".join(sorted(one.__name__ for one in types))
        return KindGuess(
            kind_guess.kind, f"{kind_guess.why}, of mixed types ({names})", 0.5 * kind_guess.confidence, "str"
        )
    return kind_guess


def _guess(profile: ColumnProfile, kind_guess: KindGuess) -> ColumnGuess:
    distinct = len(profile.values) if profile.is_plain else kind_guess.labels or profile.known
    missing = 1 - profile.known / len(profile.series) + kind_guess.unread
    shown = profile.values[:: max(len(profile.values) // _EXAMPLES, 1)].tolist() if profile.is_plain else profile.cells
    return ColumnGuess(
        name=profile.name,
        kind=kind_guess.kind,
        why=kind_guess.why,
        confidence=round(float(kind_guess.confidence), 2),
        missing=round(float(missing), 6),
        distinct=distinct,
        examples=tuple(_short(value) for value in shown[:_EXAMPLES]),
        becomes=becomes(kind_guess.kind, kind_guess.form, kind_guess.labels or distinct),
        form=kind_guess.form,
    )


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) or hasattr(value, "getbands") or hasattr(value, "detach"):
        return f"{type(value).__name__} {tuple(getattr(value, 'shape', getattr(value, 'size', ())))}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    told = f"{value:g}" if isinstance(value, float) else str(value)
    told = " ".join(told[: 2 * _LONGEST_EXAMPLE].split())
    return told if len(told) <= _LONGEST_EXAMPLE else told[: _LONGEST_EXAMPLE - 3] + "..."
