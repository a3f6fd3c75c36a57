"""Kinds that the caller says: how the cells are written then, and where they cannot be of that kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from medley.core.kinds import Kind
from medley.errors import DataError
from medley.tables.columns.objects import is_one_picture, items_of
from medley.tables.columns.profile import Look, Verdict, label_form
from medley.tables.columns.schema import SAID
from medley.tables.formats.booleans import answer_of
from medley.tables.formats.images import split_paths
from medley.tables.formats.lists import find_label_form, is_written_list, read_numbers
from medley.tables.formats.numbers import NO_VALUE, NumberForm, find_number_form, to_numbers
from medley.tables.formats.times import find_epoch, find_time_form, to_times


def overruled(look: Look, kind: Kind, own: Verdict) -> Verdict:
    """A column as the kind that the caller says it is.

    Args:
        look: the column.
        kind: what the caller says.
        own: what was judged without the caller: where that is the same kind, its form stands.

    Raises:
        DataError: no cell, or not all that a vector needs, can be read as this kind.
    """
    if not kind.is_used:
        return Verdict(kind, SAID, 1.0)
    if own.kind is kind or not look.known:
        return replace(own, kind=kind, why=SAID, confidence=1.0)
    return _READERS.get(kind, _as_it_is)(look, kind)


def _as_number(look: Look, kind: Kind) -> Verdict:
    if not look.is_plain:
        raise _cannot(look, kind)
    if look.values.dtype.kind in "biuf":
        return Verdict(kind, SAID, 1.0)
    if look.values.dtype.kind == "m":
        return Verdict(kind, SAID, 1.0, "duration")
    form = find_number_form(look.words) or _lenient_number_form(look)
    read = np.isfinite(to_numbers(look.all_words, form))
    if not read.any():
        raise _cannot(look, kind)
    return Verdict(kind, SAID, 1.0, str(form), unread=look.unread(read))


def _lenient_number_form(look: Look) -> NumberForm:
    read = {style: np.isfinite(to_numbers(look.words, NumberForm(style))).sum() for style in ("1,234.5", "1.234,5")}
    return NumberForm(max(read, key=lambda style: read[style]))


def _as_time(look: Look, kind: Kind) -> Verdict:
    if not look.is_plain:
        raise _cannot(look, kind)
    if look.values.dtype.kind == "M":
        return Verdict(kind, SAID, 1.0)
    if look.values.dtype.kind in "iuf":
        form = find_epoch(look.values[np.isfinite(look.values)].astype(np.float64))
        if form is None:
            raise _cannot(look, kind)
        return Verdict(kind, SAID, 1.0, form)
    words = [word for word in look.words if word.lower() not in NO_VALUE]
    found = find_time_form(words)
    form = "ISO" if found is None else found.form
    read = ~np.isnat(to_times(look.all_words, form))
    if not read.any():
        raise _cannot(look, kind)
    return Verdict(kind, SAID, 1.0, form, unread=look.unread(read))


def _as_boolean(look: Look, kind: Kind) -> Verdict:
    if look.is_plain and {answer_of(word) for word in look.all_words} <= {True, False}:
        return Verdict(kind, SAID, 1.0)
    raise _cannot(look, kind)


def _as_picture(look: Look, kind: Kind) -> Verdict:
    if not look.is_plain:
        several = not all(map(is_one_picture, look.cells[:100]))
        return Verdict(kind, SAID, 1.0, "several" if several else "")
    if look.values.dtype.kind != "O":
        raise _cannot(look, kind)
    several = any(len(split_paths(word)) > 1 for word in look.words)
    return Verdict(kind, SAID, 1.0, "several" if several else "")


def _as_set(look: Look, kind: Kind) -> Verdict:
    if not look.is_plain:
        return Verdict(kind, SAID, 1.0, labels=len({str(item) for cell in look.cells for item in items_of(cell)}))
    if all(map(is_written_list, look.words)):
        return Verdict(kind, SAID, 1.0, "[]", labels=len(look.values))
    form = find_label_form(look.words, look.counts[look.some].tolist())
    if form is not None:
        return Verdict(kind, SAID, 1.0, form.delimiter, labels=form.labels)
    delimiter = max("|;,", key=lambda mark: sum(mark in word for word in look.words))
    return Verdict(kind, SAID, 1.0, delimiter, labels=len(look.values))


def _as_vector(look: Look, kind: Kind) -> Verdict:
    if look.is_plain:
        sizes = {len(one) for word in look.words if (one := read_numbers(word)) is not None}
    else:
        sizes = {np.size(cell) for cell in look.cells}
    if len(sizes) != 1:
        raise _cannot(look, kind)
    return Verdict(kind, SAID, 1.0, str(min(sizes)))


def _as_category(look: Look, kind: Kind) -> Verdict:
    if not look.is_plain:
        raise _cannot(look, kind)
    return Verdict(kind, SAID, 1.0, label_form(look.values))


def _as_text(look: Look, kind: Kind) -> Verdict:
    if look.is_plain:
        return Verdict(kind, SAID, 1.0)
    raise _cannot(look, kind)


def _as_it_is(look: Look, kind: Kind) -> Verdict:
    return Verdict(kind, SAID, 1.0)


def _cannot(look: Look, kind: Kind) -> DataError:
    shown = look.values[:3].tolist() if look.is_plain else [type(cell).__name__ for cell in look.cells[:1]]
    told = ", ".join(repr(str(value)[:40]) for value in shown)
    return DataError(f"Column {look.name!r} cannot be read as {kind}, as column_kinds says: it holds {told}.")


_READERS: dict[Kind, Callable[[Look, Kind], Verdict]] = {
    Kind.NUMBER: _as_number,
    Kind.TIME: _as_time,
    Kind.BOOLEAN: _as_boolean,
    Kind.CATEGORY: _as_category,
    Kind.TEXT: _as_text,
    Kind.IMAGE: _as_picture,
    Kind.SET: _as_set,
    Kind.VECTOR: _as_vector,
}
