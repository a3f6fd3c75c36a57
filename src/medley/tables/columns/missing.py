"""Which strings of a column stand for missing values: inferred from its other values, or set by the caller."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self

import numpy as np

from medley.core.column import ColumnGuess
from medley.errors import ErrorCollector, did_you_mean
from medley.tables.columns.kind import kind_named
from medley.tables.columns.profile import ColumnProfile
from medley.tables.formats.booleans import parse_boolean
from medley.tables.formats.missing import AMONG_NUMBERS, AMONG_WORDS, missing_among_words
from medley.tables.formats.numbers import find_number_form
from medley.tables.formats.times import find_time_form

_DIGIT = re.compile(r"\d")
_MOST_WORDS = 5
_VALUES_PER_WORD = 5
_LEAST_NUMBERS = 0.5
_MOSTLY_NUMBERS = 0.95
_MOST_SHOWN = 4


class MissingValueSpec:
    """The missing values that the caller sets.

    Args:
        added: values that are missing in any column, in addition to those that are inferred.
        by_column: column -> all values that are missing in it.

    >>> spec = MissingValueSpec.of({"region": []})
    >>> spec.of_column("region"), spec.of_column("price")
    (frozenset(), None)
    """

    def __init__(
        self, added: frozenset[str] = frozenset(), by_column: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self.added = added
        self.by_column = dict(by_column or {})

    @classmethod
    def of(cls, missing_values: Any, errors: ErrorCollector | None = None) -> Self:
        """Read what a caller set; what breaks a rule is added to `errors`.

        Args:
            missing_values: a value, a list of values, or a dict from column to such; None infers all.
            errors: collects the errors.
        """
        if isinstance(missing_values, cls):
            return missing_values
        if isinstance(missing_values, Mapping):
            return cls(by_column={str(name): _listed(values, errors) for name, values in missing_values.items()})
        return cls(_listed(missing_values, errors))

    def check(self, columns: Iterable[str], errors: ErrorCollector) -> None:
        """Add an error for each column that is not among those of the table."""
        names = list(columns)
        for name in self.by_column:
            if name not in names:
                hint = did_you_mean(name, names)
                errors.add(f"names {name!r}, which is not a column.{hint}", argument="missing_values")

    def of_column(self, name: str) -> frozenset[str] | None:
        """All values that are missing in a column; None if they are inferred."""
        return self.by_column.get(name)


def without_missing_values(
    profile: ColumnProfile, spec: MissingValueSpec | None = None, kind: str | None = None
) -> ColumnProfile:
    """The profile of a column in which strings that stand for missing values count as missing.

    A few repeated words among numbers or times stand for missing values. In other columns, signs such as "?" and words
    such as "NA" do, unless they look like the other values.

    Args:
        profile: the column.
        spec: what the caller sets.
        kind: the kind of the column, if the caller sets it.

    >>> import pandas as pd
    >>> from pathlib import Path
    >>> cells = pd.Series(["1.5", "2", "n.d.", "7", "no idea", "3", "no idea", "9", "8", "6"] * 2)
    >>> dict(without_missing_values(ColumnProfile("size", cells, Path())).markers)
    {'n.d.': 2, 'no idea': 4}
    """
    spec = spec or MissingValueSpec()
    declared = spec.of_column(profile.name)
    if declared is None:
        declared = _inferred(profile.without(spec.added), kind) | spec.added
    return profile.without(declared)


def missing_values_of(guess: ColumnGuess) -> Collection[str]:
    """The strings that count as missing in a column with this guess."""
    return usual_missing_values(guess.kind) if guess.missing_values is None else guess.missing_values


def usual_missing_values(kind: str) -> frozenset[str]:
    """What counts as missing in columns of a kind, in lower case, unless it is inferred or set otherwise.

    >>> "unknown" in usual_missing_values("number"), "unknown" in usual_missing_values("category")
    (True, False)
    """
    return AMONG_NUMBERS if kind_named(kind).has_number_markers else AMONG_WORDS


def describe_missing(profile: ColumnProfile) -> str:
    """A phrase that names the strings that count as missing, with the fraction of their rows; "" if there are none."""
    if not profile.markers:
        return ""
    rows = len(profile.series)
    frequent = sorted(profile.markers.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{marker!r} ({count / rows:.1%})" for marker, count in frequent[:_MOST_SHOWN])
    more = f" and {len(frequent) - _MOST_SHOWN} more" if len(frequent) > _MOST_SHOWN else ""
    return f"{listed}{more} {'counts' if len(frequent) == 1 else 'count'} as missing"


def _inferred(profile: ColumnProfile, kind: str | None) -> frozenset[str]:
    is_set_to_numbers = kind is not None and kind_named(kind).has_number_markers
    if not profile.is_plain:
        return _inferred(profile.single_valued, kind) if profile.is_mostly_plain else AMONG_WORDS
    if profile.values.dtype.kind != "O":
        return AMONG_NUMBERS
    if kind is None or is_set_to_numbers:
        words = _words_among_numbers(profile)
        if words is not None:
            return AMONG_NUMBERS | words
    if is_set_to_numbers:
        return AMONG_NUMBERS
    others = {string.lower() for string in profile.all_strings} - AMONG_WORDS
    if len(others) == 2 and {parse_boolean(string) for string in others} == {True, False}:
        return AMONG_WORDS
    return missing_among_words(profile.all_strings)


def _words_among_numbers(profile: ColumnProfile) -> frozenset[str] | None:
    """The words without digits, in lower case, in a column whose other strings are numbers or times; else None."""
    sample = [string for string in profile.strings if _has_digit(string)]
    if not sample or (find_number_form(sample) is None and find_time_form(sample) is None):
        return None
    is_marker = np.array([string.lower() in AMONG_NUMBERS for string in profile.all_strings], bool)
    is_word = np.array([not _has_digit(string) for string in profile.all_strings], bool) & ~is_marker
    is_number = ~is_marker & ~is_word
    words = {profile.all_strings[place].lower() for place in np.flatnonzero(is_word)}
    if not words:
        return frozenset()
    counts = profile.counts
    number_fraction = counts[is_number].sum() / counts[is_number | is_word].sum()
    is_few = len(words) <= _MOST_WORDS and is_number.sum() >= _VALUES_PER_WORD * len(words)
    if is_few and number_fraction >= _LEAST_NUMBERS and (counts[is_word] > 1).all():
        return frozenset(words)
    return frozenset() if number_fraction >= _MOSTLY_NUMBERS else None


def _has_digit(string: str) -> bool:
    return _DIGIT.search(string) is not None


def normalised(values: Iterable[Any]) -> frozenset[str]:
    """Strings and numbers as they are compared: in lower case, without spaces around them.

    >>> sorted(normalised(["Unknown ", -99]))
    ['-99', 'unknown']
    """
    return frozenset(str(value).strip().lower() for value in values)


def _listed(values: Any, errors: ErrorCollector | None) -> frozenset[str]:
    if values is None:
        return frozenset()
    listed = [values] if isinstance(values, str | int | float) else values
    if isinstance(listed, Collection) and all(isinstance(value, str | int | float) for value in listed):
        return normalised(listed)
    if errors is not None:
        message = f'must be strings or numbers, ["unknown", -99], or a dict from column to such, got {values!r}.'
        errors.add(message, argument="missing_values")
    return frozenset()
