"""Words that recur in the strings of a column, by which names are told from identifiers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]{3,}")
_FEWEST, _MOST_OFTEN = 3, 0.5  # strings with a word that recurs, and at most this fraction of them


def recurring_words(strings: Iterable[str]) -> list[set[str]]:
    """The words of each string that recur, but not in most strings; words have at least three letters.

    >>> recurring_words(["First Bank", "City Bank", "Texas Oil", "River Bank", "Oil & Co", "Cars", "Sea Oil"])
    [{'bank'}, {'bank'}, {'oil'}, {'bank'}, {'oil'}, set(), {'oil'}]
    """
    words = [set(_WORD.findall(string.lower())) for string in strings]
    counts = Counter(word for string in words for word in string)
    recurring = {word for word, count in counts.items() if _FEWEST <= count <= _MOST_OFTEN * len(words)}
    return [string & recurring for string in words]
