"""Kinds that the caller says: how the cells are written then, and where they cannot be of that kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from medley.core.kinds import Kind
from medley.errors import DataError
from medley.tables.columns.objects import is_one_image, items_of
from medley.tables.columns.profile import ColumnProfile, KindGuess, label_form
from medley.tables.columns.schema import SAID
from medley.tables.formats.booleans import answer_of
from medley.tables.formats.images import split_paths
from medley.tables.formats.lists import find_label_form, is_written_list, read_numbers
from medley.tables.formats.numbers import NO_VALUE, NumberForm, find_number_form, to_numbers
from medley.tables.formats.times import find_epoch, find_time_form, to_times


def overruled(profile: ColumnProfile, kind: Kind, own: KindGuess) -> KindGuess:
    """A column as the kind that the caller says it is.

    Args:
        profile: the column.
        kind: what the caller says.
        own: what was judged without the caller: where that is the same kind, its form stands.

    Raises:
        DataError: no cell, or not all that a vector needs, can be read as this kind.
    """
    if not kind.is_used:
        return KindGuess(kind, SAID, 1.0)
    if own.kind is kind or not profile.known:
        return replace(own, kind=kind, why=SAID, confidence=1.0)
    return _READERS.get(kind, _as_it_is)(profile, kind)


def _as_number(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if not profile.is_plain:
        raise _cannot(profile, kind)
    if profile.values.dtype.kind in "biuf":
        return KindGuess(kind, SAID, 1.0)
    if profile.values.dtype.kind == "m":
        return KindGuess(kind, SAID, 1.0, "duration")
    form = find_number_form(profile.words) or _lenient_number_form(profile)
    read = np.isfinite(to_numbers(profile.all_words, form))
    if not read.any():
        raise _cannot(profile, kind)
    return KindGuess(kind, SAID, 1.0, str(form), unread=profile.unread(read))


def _lenient_number_form(profile: ColumnProfile) -> NumberForm:
    read = {style: np.isfinite(to_numbers(profile.words, NumberForm(style))).sum() for style in ("1,234.5", "1.234,5")}
    return NumberForm(max(read, key=lambda style: read[style]))


def _as_time(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if not profile.is_plain:
        raise _cannot(profile, kind)
    if profile.values.dtype.kind == "M":
        return KindGuess(kind, SAID, 1.0)
    if profile.values.dtype.kind in "iuf":
        form = find_epoch(profile.values[np.isfinite(profile.values)].astype(np.float64))
        if form is None:
            raise _cannot(profile, kind)
        return KindGuess(kind, SAID, 1.0, form)
    words = [word for word in profile.words if word.lower() not in NO_VALUE]
    found = find_time_form(words)
    form = "ISO" if found is None else found.form
    read = ~np.isnat(to_times(profile.all_words, form))
    if not read.any():
        raise _cannot(profile, kind)
    return KindGuess(kind, SAID, 1.0, form, unread=profile.unread(read))


def _as_boolean(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if profile.is_plain and {answer_of(word) for word in profile.all_words} <= {True, False}:
        return KindGuess(kind, SAID, 1.0)
    raise _cannot(profile, kind)


def _as_image(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if not profile.is_plain:
        several = not all(map(is_one_image, profile.cells[:100]))
        return KindGuess(kind, SAID, 1.0, "several" if several else "")
    if profile.values.dtype.kind != "O":
        raise _cannot(profile, kind)
    several = any(len(split_paths(word)) > 1 for word in profile.words)
    return KindGuess(kind, SAID, 1.0, "several" if several else "")


def _as_set(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if not profile.is_plain:
        return KindGuess(kind, SAID, 1.0, labels=len({str(item) for cell in profile.cells for item in items_of(cell)}))
    if all(map(is_written_list, profile.words)):
        return KindGuess(kind, SAID, 1.0, "[]", labels=len(profile.values))
    form = find_label_form(profile.words, profile.counts[profile.some].tolist())
    if form is not None:
        return KindGuess(kind, SAID, 1.0, form.delimiter, labels=form.labels)
    delimiter = max("|;,", key=lambda mark: sum(mark in word for word in profile.words))
    return KindGuess(kind, SAID, 1.0, delimiter, labels=len(profile.values))


def _as_vector(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if profile.is_plain:
        sizes = {len(one) for word in profile.words if (one := read_numbers(word)) is not None}
    else:
        sizes = {np.size(cell) for cell in profile.cells}
    if len(sizes) != 1:
        raise _cannot(profile, kind)
    return KindGuess(kind, SAID, 1.0, str(min(sizes)))


def _as_category(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if not profile.is_plain:
        raise _cannot(profile, kind)
    return KindGuess(kind, SAID, 1.0, label_form(profile.values))


def _as_text(profile: ColumnProfile, kind: Kind) -> KindGuess:
    if profile.is_plain:
        return KindGuess(kind, SAID, 1.0)
    raise _cannot(profile, kind)


def _as_it_is(profile: ColumnProfile, kind: Kind) -> KindGuess:
    return KindGuess(kind, SAID, 1.0)


def _cannot(profile: ColumnProfile, kind: Kind) -> DataError:
    shown = profile.values[:3].tolist() if profile.is_plain else [type(cell).__name__ for cell in profile.cells[:1]]
    told = ", ".join(repr(str(value)[:40]) for value in shown)
    return DataError(f"Column {profile.name!r} cannot be read as {kind}, as column_kinds says: it holds {told}.")


_READERS: dict[Kind, Callable[[ColumnProfile, Kind], KindGuess]] = {
    Kind.NUMBER: _as_number,
    Kind.TIME: _as_time,
    Kind.BOOLEAN: _as_boolean,
    Kind.CATEGORY: _as_category,
    Kind.TEXT: _as_text,
    Kind.IMAGE: _as_image,
    Kind.SET: _as_set,
    Kind.VECTOR: _as_vector,
}
