"""Lists in strings: labels between delimiters, and lists as JSON or Python writes them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NUMBERS = re.compile(r"[\s,]*(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?:[\s,]+|$))+")
_LONGEST_LABEL = 40
_MOST_LABELS = 10_000


@dataclass(frozen=True)
class LabelForm:
    """How sets of labels are written.

    Args:
        delimiter: what stands between labels.
        labels: number of distinct labels in the words that were looked at.
        several: share of rows with more than one label.
    """

    delimiter: str
    labels: int
    several: float


def find_label_form(words: Sequence[str], counts: Sequence[int]) -> LabelForm | None:
    """Whether words are labels between delimiters, which come back in several combinations.

    Args:
        words: W distinct words of a column.
        counts: how many rows hold each.

    >>> find_label_form(["a|b", "b", "a|c", "b|c|a"], [1, 2, 1, 1])
    LabelForm(delimiter='|', labels=3, several=0.6)
    >>> find_label_form(["Austin, TX", "Boston, MA", "Dallas, TX"], [1, 2, 1]) is None
    True
    """
    for delimiter in ("|", ";", ","):
        if sum(delimiter in word for word in words) * 10 < len(words):
            continue
        found = _labels(words, counts, delimiter)
        if found is not None:
            return found
    return None


def _labels(words: Sequence[str], counts: Sequence[int], delimiter: str) -> LabelForm | None:
    cells = [split_labels(word, delimiter) for word in words]
    sizes = [len(cell) for cell in cells]
    labels = [label for cell in cells for label in cell]
    several = float(np.dot([size > 1 for size in sizes], counts) / max(sum(counts), 1))
    distinct = set(labels)
    wordy = np.mean([len(label.split()) for label in labels]) if labels else 0
    long = any(len(label) > _LONGEST_LABEL for label in distinct)
    if several < 0.1 or long or not 2 <= len(distinct) <= _MOST_LABELS or wordy > 3:
        return None
    # Labels come back: in the parts of an address or a name, nearly every one is new.
    if delimiter == ",":
        # Commas stand within names too ("Portland, OR"): labels must vary in number and combine freely.
        repeats = np.dot(sizes, counts) / len(distinct)
        fits = len(set(sizes)) > 1 and repeats >= 3 and len(words) >= len(distinct) and several >= 0.2
    else:
        fits = len(labels) / len(distinct) >= 1.5
    return LabelForm(delimiter, len(distinct), several) if fits else None


def split_labels(word: str, delimiter: str) -> list[str]:
    """The labels of one word, in order, none twice.

    >>> split_labels("b; a;;b", ";"), split_labels("['x', 'y']", "[]")
    (['b', 'a'], ['x', 'y'])
    """
    if delimiter == "[]":
        return list(dict.fromkeys(str(one).strip() for one in read_list(word) or ()))
    return list(dict.fromkeys(one.strip() for one in word.split(delimiter) if one.strip()))


def is_written_list(word: str) -> bool:
    """Whether a word is a list between brackets."""
    return word.startswith("[") and word.endswith("]")


def read_list(word: str) -> list[object] | None:
    """A list that was written by JSON, Python or NumPy; None where it is none.

    >>> read_list('["a", "b"]'), read_list("['a']"), read_list("[1. 2.5]"), read_list("[a")
    (['a', 'b'], ['a'], [1.0, 2.5], None)
    """
    if is_written_list(word) and _NUMBERS.fullmatch(word[1:-1]):
        return [float(one) for one in re.split(r"[\s,]+", word[1:-1].strip(" ,\n\t"))]
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(word)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return list(found) if isinstance(found, list | tuple | set) else None
    return None


def read_numbers(word: str) -> list[float] | None:
    """Numbers between spaces or commas, in brackets or not; None where a word holds anything else.

    >>> read_numbers("0.5 1 -2e3"), read_numbers("a 1")
    ([0.5, 1.0, -2000.0], None)
    """
    inner = word[1:-1] if is_written_list(word) else word
    if not inner.strip() or not _NUMBERS.fullmatch(inner):
        return None
    return [float(one) for one in re.split(r"[\s,]+", inner.strip(" ,\n\t"))]
