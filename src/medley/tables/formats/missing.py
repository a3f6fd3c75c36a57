"""Strings that stand for a missing value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PLACEHOLDERS = frozenset(
    [
        *("-", "--", "---", "?", "??", ".", "..", "...", "*", "\u2013", "\u2014"),
        *("n/a", "n.a.", "n. a.", "nan", "-nan", "nat", "<na>", "#na", "#n/a", "#n/a n/a", "\\n", "(null)", "(none)"),
        *("#div/0!", "#value!", "#ref!", "#null!", "#name?", "#num!", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    ]
)
"""What people and programs write for a missing value, in lower case."""

AMBIGUOUS = frozenset(["na", "none", "null"])
"""Words that are missing values in some columns, and codes ("NA" for North America) in others."""

WORDS = frozenset(
    [
        *("unknown", "missing", "nil", "n.d.", "nd", "n.k.", "n.v.", "k.a.", "tba", "tbd", "undefined", "unbekannt"),
        *("not available", "not applicable", "not known", "no data", "inconnu", "desconocido"),
    ]
)
"""Words that are missing values among numbers and times, and values among words."""

AMONG_NUMBERS = PLACEHOLDERS | AMBIGUOUS | WORDS
"""What stands for a missing value in columns of numbers, times and booleans."""

AMONG_WORDS = PLACEHOLDERS | AMBIGUOUS
"""What stands for a missing value in other columns, unless it looks like their other values."""

_LONGEST_CODE = 5
_LONGEST_WORD = 20
_CASES = (("upper", str.isupper), ("lower", str.islower), ("title", lambda word: word[0].isupper()))


def looks_like(string: str, others: Iterable[str]) -> bool:
    """Whether a string that may stand for a missing value looks like the other values of its column.

    Args:
        string: such as "NA", "None" or "-".
        others: the other distinct values.

    >>> looks_like("NA", ["EMEA", "APAC", "LATAM"]), looks_like("NA", ["M", "F"]), looks_like("NA", ["red", "blue"])
    (True, False, False)
    >>> looks_like("None", ["Brick", "Stone"]), looks_like("None", ["red", "blue"]), looks_like("-", ["+"])
    (True, False, True)
    """
    shape = _shape(string)
    if shape == "other" or (string.lower() in PLACEHOLDERS and shape != "signs"):
        return False
    longest = _LONGEST_CODE if len(string) < 3 else _LONGEST_WORD
    alike = [_shape(other) == shape and (shape == "signs" or 1 < len(other) <= longest) for other in others]
    return sum(alike) * 2 > len(alike)


def missing_among_words(strings: Sequence[str]) -> frozenset[str]:
    """What stands for a missing value among words, in lower case: `AMONG_WORDS` without what looks like a value.

    Args:
        strings: the distinct strings of the column.

    >>> "na" in missing_among_words(["NA", "EU", "AS"]), "na" in missing_among_words(["NA", "red", "blue"])
    (False, True)
    """
    candidates = [string for string in strings if string.lower() in AMONG_WORDS]
    if not candidates:
        return AMONG_WORDS
    others = [string for string in strings if string.lower() not in AMONG_WORDS]
    return AMONG_WORDS - {string.lower() for string in candidates if looks_like(string, others)}


def _shape(string: str) -> str:
    """How a string is written: in upper or lower case, capitalised, as signs, or otherwise."""
    if not re.search(r"\w", string):
        return "signs"
    if not string.isalpha():
        return "other"
    return next((name for name, is_case in _CASES if is_case(string)), "other")
