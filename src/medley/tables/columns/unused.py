"""Kinds of columns that no network learns from: identifiers, constants, and what nothing can parse."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.tables.columns.kind import SAID, ColumnKind
from medley.tables.columns.names import is_identifier_name
from medley.tables.columns.profile import ColumnProfile, KindGuess
from medley.tables.columns.strings import describe_length, words_per_cell

_ENOUGH_ROWS = 20


class LeftOutKind(ColumnKind):
    """A kind that no input reads: its cells stay as they are."""

    is_used = False

    def override(self, profile: ColumnProfile) -> KindGuess:
        return KindGuess(self.name, SAID, 1.0)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[Any, np.ndarray]:
        """The cells as they are: a list of B."""
        return profile.series.tolist(), profile.present

    def describe(self, form: str, distinct: int) -> str:
        return "left out"


class UnusedKind(LeftOutKind, register="tables.unused"):
    """A column that nothing can learn from, or that the caller leaves out."""

    name = "unused"


class ConstantKind(LeftOutKind, register="tables.constant"):
    """A column of one value at most. Inference finds it before it asks the kinds."""

    name = "constant"


class IdentifierKind(LeftOutKind, register="tables.identifier"):
    """Names of rows: a value of its own for each. Whole numbers that count rows are found with the numbers."""

    name = "identifier"
    rank = 75.0

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain or len(profile.values) < profile.known or profile.known < 3:
            return None
        words, has_name = words_per_cell(profile), is_identifier_name(profile.name)
        if words >= 3 or not (has_name or (profile.known >= _ENOUGH_ROWS and words < 2.2)):
            return None
        reason = "every row has its own"
        reason += ", and its name is that of an identifier" if has_name else f", of {describe_length(words)}"
        return KindGuess(self.name, reason, 0.95 if has_name or words < 1.3 else 0.6)
