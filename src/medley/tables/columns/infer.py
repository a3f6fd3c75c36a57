"""Guesses what each column of a table holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.kinds import Kind
from medley.errors import DataError, Mistakes
from medley.tables.columns.numbers import judge_numbers
from medley.tables.columns.objects import judge_objects
from medley.tables.columns.overrides import overruled
from medley.tables.columns.profile import Look, Verdict, label_form
from medley.tables.columns.schema import Guess, Schema, becomes, known_kinds
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
    mistakes, guesses = Mistakes(), []
    kinds = known_kinds(overrides or {}, table.frame.columns, mistakes)
    for name in table.frame.columns:
        look = Look(name, table.frame[name], table.root, sample_rows)
        try:
            verdict = overruled(look, kinds[name], judge(look)) if name in kinds else judge(look)
        except DataError as error:
            mistakes.add(str(error))
            continue
        guesses.append(_guess(look, verdict))
    mistakes.stop(DataError)
    return Schema(guesses)


def infer_column(series: pd.Series, name: str = "", root: Path | None = None) -> Guess:
    """Guesses what one column holds; as `infer`."""
    look = Look(name or str(series.name), series, root or Path())
    return _guess(look, judge(look))


def judge(look: Look) -> Verdict:
    """What a column holds, by the type of its cells."""
    if not look.known:
        return Verdict(Kind.CONSTANT, "every cell is missing", 1.0)
    if not look.is_plain:
        return judge_objects(look)
    if len(look.values) == 1 and len(look.series) > 1:
        return _judge_lone_value(look)
    dtype = look.series.dtype
    if str(dtype) == "category":
        return Verdict(Kind.CATEGORY, "the frame's own type says so", 1.0, label_form(look.values))
    match getattr(dtype, "kind", "O"):
        case "b":
            return Verdict(Kind.BOOLEAN, "its cells are True or False", 1.0)
        case "M":
            return Verdict(Kind.TIME, "its cells are times", 1.0)
        case "m":
            return Verdict(Kind.NUMBER, "its cells are durations, read as days", 1.0, "duration")
        case "i" | "u" | "f":
            return judge_numbers(look, look.values.astype(np.float64))
        case "c":
            return Verdict(Kind.UNUSED, "nothing reads complex numbers", 0.9)
    return _judge_plain_objects(look)


def _judge_lone_value(look: Look) -> Verdict:
    only = f"{_short(look.values[0])!r}"
    if look.present.all():
        return Verdict(Kind.CONSTANT, f"every row holds {only}", 1.0)
    return Verdict(Kind.CATEGORY, f"a row holds {only} or nothing", 0.8, label_form(look.values))


def _judge_plain_objects(look: Look) -> Verdict:
    """Judges objects by what they are, strings and mixtures by how they read."""
    from datetime import date, timedelta

    types = look.types
    if types and all(issubclass(one, bool | np.bool_) for one in types):
        return Verdict(Kind.BOOLEAN, "its cells are True or False", 1.0)
    if types and all(issubclass(one, int | float | Decimal | np.number) and one is not bool for one in types):
        return judge_numbers(look, look.values.astype(np.float64))
    if types and all(issubclass(one, date | np.datetime64) for one in types):
        return Verdict(Kind.TIME, "its cells are times", 1.0)
    if types and all(issubclass(one, timedelta | np.timedelta64) for one in types):
        return Verdict(Kind.NUMBER, "its cells are durations, read as days", 1.0, "duration")
    verdict = judge_words(look)
    if len(types) > 1 and verdict.kind in (Kind.CATEGORY, Kind.IDENTIFIER):
        names = ", ".join(sorted(one.__name__ for one in types))
        return Verdict(verdict.kind, f"{verdict.why}, of mixed types ({names})", 0.5 * verdict.confidence, "str")
    return verdict


def _guess(look: Look, verdict: Verdict) -> Guess:
    distinct = len(look.values) if look.is_plain else verdict.labels or look.known
    missing = 1 - look.known / len(look.series) + verdict.unread
    shown = look.values[:: max(len(look.values) // _EXAMPLES, 1)].tolist() if look.is_plain else look.cells
    return Guess(
        name=look.name,
        kind=verdict.kind,
        why=verdict.why,
        confidence=round(float(verdict.confidence), 2),
        missing=round(float(missing), 6),
        distinct=distinct,
        examples=tuple(_short(value) for value in shown[:_EXAMPLES]),
        becomes=becomes(verdict.kind, verdict.form, verdict.labels or distinct),
        form=verdict.form,
    )


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) or hasattr(value, "getbands") or hasattr(value, "detach"):
        return f"{type(value).__name__} {tuple(getattr(value, 'shape', getattr(value, 'size', ())))}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    told = f"{value:g}" if isinstance(value, float) else str(value)
    told = " ".join(told[: 2 * _LONGEST_EXAMPLE].split())
    return told if len(told) <= _LONGEST_EXAMPLE else told[: _LONGEST_EXAMPLE - 3] + "..."
