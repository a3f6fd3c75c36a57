"""Lists in strings: labels between delimiters, and lists as written by JSON, Python or NumPy."""

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
        delimiter: the string between labels.
        labels: number of distinct labels in the strings that were examined.
        several: fraction of rows with more than one label.
    """

    delimiter: str
    labels: int
    several: float


def find_label_form(strings: Sequence[str], counts: Sequence[int]) -> LabelForm | None:
    """Find out whether strings are labels between delimiters, that is, recur in several combinations.

    Args:
        strings: S distinct strings of a column.
        counts: the number of rows with each of them.

    Returns:
        How the sets are written; None if they are not sets of labels.

    >>> find_label_form(["a|b", "b", "a|c", "b|c|a"], [1, 2, 1, 1])
    LabelForm(delimiter='|', labels=3, several=0.6)
    >>> find_label_form(["Austin, TX", "Boston, MA", "Dallas, TX"], [1, 2, 1]) is None
    True
    """
    for delimiter in ("|", ";", ","):
        if sum(delimiter in string for string in strings) * 10 < len(strings):
            continue
        form = _label_form(strings, counts, delimiter)
        if form is not None:
            return form
    return None


def _label_form(strings: Sequence[str], counts: Sequence[int], delimiter: str) -> LabelForm | None:
    cells = [split_labels(string, delimiter) for string in strings]
    sizes = [len(cell) for cell in cells]
    labels = [label for cell in cells for label in cell]
    several = float(np.dot([size > 1 for size in sizes], counts) / max(sum(counts), 1))
    distinct = set(labels)
    label_words = np.mean([len(label.split()) for label in labels]) if labels else 0
    has_long_label = any(len(label) > _LONGEST_LABEL for label in distinct)
    if several < 0.1 or has_long_label or not 2 <= len(distinct) <= _MOST_LABELS or label_words > 3:
        return None
    # Labels recur, whereas nearly every part of an address or a name is new.
    if delimiter == ",":
        # Commas are part of names, too ("Portland, OR"): labels must vary in number and recur.
        repeats = np.dot(sizes, counts) / len(distinct)
        is_label_set = len(set(sizes)) > 1 and repeats >= 3 and len(strings) >= len(distinct) and several >= 0.2
    else:
        is_label_set = len(labels) / len(distinct) >= 1.5
    return LabelForm(delimiter, len(distinct), several) if is_label_set else None


def split_labels(string: str, delimiter: str) -> list[str]:
    """The labels in a string, in order and without repetitions.

    >>> split_labels("b; a;;b", ";"), split_labels("['x', 'y']", "[]")
    (['b', 'a'], ['x', 'y'])
    """
    if delimiter == "[]":
        return list(dict.fromkeys(str(label).strip() for label in read_list(string) or ()))
    return list(dict.fromkeys(label.strip() for label in string.split(delimiter) if label.strip()))


def is_written_list(string: str) -> bool:
    """Whether a string is a list in brackets."""
    return string.startswith("[") and string.endswith("]")


def read_list(string: str) -> list[object] | None:
    """Parse a list as written by JSON, Python or NumPy; None if the string is not one.

    >>> read_list('["a", "b"]'), read_list("['a']"), read_list("[1. 2.5]"), read_list("[a")
    (['a', 'b'], ['a'], [1.0, 2.5], None)
    """
    if is_written_list(string) and _NUMBERS.fullmatch(string[1:-1]):
        return [float(number) for number in re.split(r"[\s,]+", string[1:-1].strip(" ,\n\t"))]
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(string)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return list(value) if isinstance(value, list | tuple | set) else None
    return None


def read_numbers(string: str) -> list[float] | None:
    """Parse numbers separated by spaces or commas, in brackets or not; None if a string holds anything else.

    >>> read_numbers("0.5 1 -2e3"), read_numbers("a 1")
    ([0.5, 1.0, -2000.0], None)
    """
    inner = string[1:-1] if is_written_list(string) else string
    if not inner.strip() or not _NUMBERS.fullmatch(inner):
        return None
    return [float(number) for number in re.split(r"[\s,]+", inner.strip(" ,\n\t"))]
