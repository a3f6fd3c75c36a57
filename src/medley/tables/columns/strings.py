"""Lengths of strings, by which identifiers, categories and texts are distinguished."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from medley.tables.columns.profile import ColumnProfile
from medley.tables.columns.recurring_words import recurring_words

_TELLING = 0.3
_WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts without spaces between words


def words_per_cell(profile: ColumnProfile) -> float:
    """The mean number of words in the distinct strings of a column."""
    counts = [max(len(string.split()), len(_WITHOUT_SPACES.findall(string)) / 2) for string in profile.strings]
    return float(np.mean(counts))


def describe_length(words: float) -> str:
    """A mean number of words as a phrase.

    >>> describe_length(1.2), describe_length(12.3)
    ('single words', '12 words on average')
    """
    return f"{words:.0f} words on average" if words >= 1.5 else "single words"


def fraction(marks: Iterable[bool]) -> float:
    """The fraction of marks that are true; 0 of none.

    >>> fraction([True, False, True, True])
    0.75
    """
    listed = list(marks)
    return sum(listed) / max(len(listed), 1)


def has_telling_words(profile: ColumnProfile) -> bool:
    """Whether strings that mostly differ should be read as texts: words recur, and predict a target if one is known."""
    if fraction(map(bool, recurring_words(profile.strings))) < _TELLING:
        return False
    relation = profile.relation
    return relation is None or relation.is_predicted_by_words(profile.codes, profile.values.tolist())
