"""Column kinds for texts and sets of labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from medley.tables.columns.kind import SET_BY_CALLER, ColumnKind, cannot_parse
from medley.tables.columns.objects import is_list_like, items_of
from medley.tables.columns.parsing import parse_cells, parse_distinct
from medley.tables.columns.profile import ColumnProfile, KindGuess, is_absent
from medley.tables.columns.strings import describe_length, fraction, has_telling_words, words_per_cell
from medley.tables.formats.lists import find_label_form, is_written_list, read_list, split_labels

_MOSTLY = 0.95
_ENOUGH_ROWS = 20
_EXAMINED = 200


class TextKind(ColumnKind, register="text.text_kind"):
    """Free text: strings of several words that mostly differ from each other, or names with words that tell."""

    name = "text"
    is_cellwise = True
    rank = 80.0
    compared_as = "label"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if not profile.is_plain:
            return None
        ratio, words = len(profile.values) / profile.n_present, words_per_cell(profile)
        length = float(np.mean([len(string) for string in profile.strings]))
        reason = f"its strings have {describe_length(words)}, and {ratio:.0%} of them differ"
        if words >= 4 and (ratio > 0.3 or (length > 60 and ratio > 0.02)):
            return KindGuess(self.name, reason, min(0.6 + words / 50, 0.98))
        if words >= 2.2 and ratio > 0.3 and profile.n_present >= _ENOUGH_ROWS:
            return KindGuess(self.name, reason, 0.65)
        if ratio > 0.5 and profile.n_present >= _ENOUGH_ROWS and has_telling_words(profile):
            return KindGuess(self.name, f"{ratio:.0%} of its strings differ, but their words recur", 0.6)
        return None

    def override(self, profile: ColumnProfile) -> KindGuess:
        if profile.is_plain:
            return KindGuess(self.name, SET_BY_CALLER, 1.0)
        raise cannot_parse(profile, self.name)

    def parse(self, profile: ColumnProfile, form: str) -> tuple[np.ndarray, np.ndarray]:
        """Objects (B,) of str, None where missing."""
        return parse_distinct(profile, str)

    def describe(self, form: str, distinct: int) -> str:
        return "the words of a text"

    def reads_as_text(self, form: str) -> bool:
        return True


class LabelSetKind(ColumnKind, register="text.label_set_kind"):
    """Sets of labels: lists of strings or of recurring whole numbers, or labels between delimiters."""

    name = "set"
    rank = 70.0
    compared_as = "labels"

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        if profile.is_plain:
            return self._written_lists(profile) or self._delimited(profile)
        cells = profile.sample(_EXAMINED)
        if not all(map(is_list_like, cells)):
            return None
        lists = [items_of(cell) for cell in cells]
        items = [item for row in lists for item in row if not is_absent(item)]
        if items and all(isinstance(item, str) for item in items):
            return KindGuess(self.name, "its cells are lists of labels", 0.98, labels=len(set(items)))
        return self._recurring_numbers(lists, items)

    def _written_lists(self, profile: ColumnProfile) -> KindGuess | None:
        if fraction(map(is_written_list, profile.strings)) < _MOSTLY:
            return None
        lists = [row for row in map(read_list, profile.strings) if row is not None]
        if len(lists) < _MOSTLY * len(profile.strings):
            return None
        if not all(isinstance(item, str) for row in lists for item in row):
            return None
        labels = {item for row in lists for item in row}
        return KindGuess(self.name, "its strings are lists of labels", 0.95, "[]", labels=len(labels))

    def _delimited(self, profile: ColumnProfile) -> KindGuess | None:
        form = find_label_form(profile.strings, profile.counts[profile.examined].tolist())
        if form is None:
            return None
        reason = f"its strings are {form.labels:,} labels in several combinations, separated by {form.delimiter!r}"
        confidence = 0.7 if form.delimiter == "," else 0.9
        return KindGuess(self.name, reason, confidence, form.delimiter, labels=form.labels)

    def _recurring_numbers(self, lists: list[list[Any]], items: list[Any]) -> KindGuess | None:
        if not items or not all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in items):
            return None
        distinct = set(items)
        is_set = all(len(set(row)) == len(row) for row in lists)
        if len({len(row) for row in lists}) < 2 or not is_set or len(items) < 1.5 * len(distinct):
            return None
        return KindGuess(self.name, "its cells are lists of whole numbers that recur", 0.8, labels=len(distinct))

    def override(self, profile: ColumnProfile) -> KindGuess:
        if not profile.is_plain:
            labels = {str(item) for cell in profile.cells for item in items_of(cell)}
            return KindGuess(self.name, SET_BY_CALLER, 1.0, labels=len(labels))
        if all(map(is_written_list, profile.strings)):
            return KindGuess(self.name, SET_BY_CALLER, 1.0, "[]", labels=len(profile.values))
        form = find_label_form(profile.strings, profile.counts[profile.examined].tolist())
        if form is not None:
            return KindGuess(self.name, SET_BY_CALLER, 1.0, form.delimiter, labels=form.labels)
        delimiter = max("|;,", key=lambda mark: sum(mark in string for string in profile.strings))
        return KindGuess(self.name, SET_BY_CALLER, 1.0, delimiter, labels=len(profile.values))

    def parse(self, profile: ColumnProfile, form: str) -> tuple[list[Any], np.ndarray]:
        """A list of B lists of labels, None where missing."""

        def labels(cell: Any) -> list[Any] | None:
            if isinstance(cell, str):
                return split_labels(cell, form) if form else [cell.strip()]
            return [item for item in items_of(cell) if not is_absent(item)]

        return parse_cells(profile, labels)

    def describe(self, form: str, distinct: int) -> str:
        return f"any of {distinct:,} labels"

    def reads_as_text(self, form: str) -> bool:
        return form == ""
