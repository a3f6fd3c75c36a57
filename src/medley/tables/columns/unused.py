"""Kinds of columns that are left out: identifiers, constants, and what nothing can parse."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind
from medley.tables.columns.names import is_identifier_name
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.strings import describe_length, has_telling_words, words_per_cell

_ENOUGH_ROWS = 20


class LeftOutKind(ColumnKind):
    """Base of kinds that no input reads: cells are not parsed."""

    is_used = False

    def override(self, profile: ColumnProfile) -> KindGuess:
        return KindGuess(self.name, SET_BY_CALLER, 1.0)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[Any, np.ndarray]:
        """Return the unchanged cells: a list of B."""
        return profile.series.tolist(), profile.present

    def describe(self, form: str, distinct: int) -> str:
        return "left out"


class UnusedKind(LeftOutKind, register="tables.unused"):
    """A column that nothing can learn from, or that the caller leaves out."""

    name = "unused"


class ConstantKind(LeftOutKind, register="tables.constant"):
    """A column with at most one distinct value; inference checks this before it tries the kinds."""

    name = "constant"


class IdentifierKind(LeftOutKind, register="tables.identifier"):
    """A different value in every row, without words that tell. Whole numbers are recognised by `columns.numbers`."""

    name = "identifier"
    rank = 75.0

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain or len(profile.values) < profile.n_present or profile.n_present < 3:
            return None
        words, has_name = words_per_cell(profile), is_identifier_name(profile.name)
        if words >= 3 or not (has_name or (profile.n_present >= _ENOUGH_ROWS and words < 2.2)):
            return None
        if not has_name and has_telling_words(profile):
            return None
        reason = "every row has a different value"
        reason += ", and its name is that of an identifier" if has_name else f", of {describe_length(words)}"
        return KindGuess(self.name, reason, 0.95 if has_name or words < 1.3 else 0.6)
