"""Reads texts of any type into a list of strings and a presence mask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from numbers import Number
from typing import Any

import numpy as np

from medley.errors import DataError

MAX_CHARACTERS = 100_000
"""Characters of a text, 40 pages, that are read where the caller sets no other limit."""

CHUNK_CHARACTERS = 1_000_000
"""Characters that are encoded at once."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # allowed in a str, but cannot be encoded


def read_texts(values: Any, max_characters: int = MAX_CHARACTERS) -> tuple[list[str], np.ndarray]:
    """Reads a sequence of texts.

    Args:
        values: B texts: a list, tuple, array (B,) or (B, 1) of strings, bytes or objects, a pandas, polars or Arrow
            column. None, NaN and NA are missing; an empty string is a text. Numbers among strings are converted.
        max_characters: longer texts are cut there: encoding a text takes some hundred times its own memory.

    Returns:
        B strings ("" where missing) and present (B,) bool.

    Raises:
        DataError: the values are not a sequence of texts, or all of them are numbers.

    >>> read_texts(["lower half", None, ""])
    (['lower half', '', ''], array([ True, False,  True]))
    """
    rows = _as_list(values)
    if _are_plain(rows, max_characters):
        return rows, np.ones(len(rows), bool)
    texts: list[str | None] = []
    numbers = 0
    for row, value in enumerate(rows):
        numbers += not isinstance(value, str) and isinstance(value, Number) and value == value
        texts.append(_as_text(value, row, max_characters))
    if numbers and numbers == sum(text is not None for text in texts):
        raise DataError(
            f"Texts were expected, but every value is a number (the first: {_first_number(rows)!r}). "
            "Pass strings, or declare the input as StructuredDataInput() or Input()."
        )
    present = np.array([text is not None for text in texts], bool)
    return [text or "" for text in texts], present


def _are_plain(rows: Sequence[Any], most: int) -> bool:
    """Whether rows are texts as they are returned: checked for all at once, as most are."""
    return set(map(type, rows)) == {str} and max(map(len, rows)) <= most and all(map(str.isascii, rows))


def _as_list(values: Any) -> list[Any]:
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__len__"):
        raise DataError(
            f"Texts must be a sequence with one string per row, got {type(values).__name__}. "
            "Put a single text into a list."
        )
    if isinstance(values, list | tuple):
        return list(values)
    shape = getattr(values, "shape", (len(values),))
    if len(shape) == 2 and shape[1] == 1:
        values = np.asarray(values, dtype=object)[:, 0]
    elif len(shape) != 1:
        raise DataError(f"Texts must have shape (B,) or (B, 1), one string per row, got shape {tuple(shape)}.")
    for method in ("to_pylist", "to_list", "tolist"):  # Arrow, polars and pandas, NumPy
        if hasattr(values, method):
            return getattr(values, method)()
    return list(values)


def in_chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Consecutive texts, as many at a time as can be encoded in little memory.

    >>> [len(chunk) for chunk in in_chunks(["a" * CHUNK_CHARACTERS, "b", "c"])]
    [1, 2]
    """
    chunk: list[str] = []
    characters = 0
    for text in texts:
        if chunk and characters + len(text) > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
        chunk.append(text)
        characters += len(text)
    if chunk:
        yield chunk


def _as_text(value: Any, row: int, most: int) -> str | None:
    if isinstance(value, str):
        text = value[:most]
        return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)
    if isinstance(value, bytes):
        return value[: 4 * most].decode("utf-8", errors="replace")[:most]
    if _is_missing(value):
        return None
    if isinstance(value, list | tuple | np.ndarray) and len(value) == 1:
        return _as_text(value[0], row, most)
    if isinstance(value, Number):
        return str(value)
    shown = repr(value)
    raise DataError(
        f"Row {row} is not a text but {type(value).__name__}: {shown if len(shown) < 60 else shown[:57] + '...'}. "
        "Each row must be one string, or None if it is missing."
    )


def _is_missing(value: Any) -> bool:
    # pandas' NA cannot be compared; checking its type by name avoids importing pandas.
    return value is None or type(value).__name__ in ("NAType", "NaTType") or _is_nan(value)


def _is_nan(value: Any) -> bool:
    try:
        return isinstance(value, Number) and bool(value != value)
    except ArithmeticError:  # a signalling NaN of `decimal`
        return True


def _first_number(rows: Iterable[Any]) -> Any:
    return next(value for value in rows if isinstance(value, Number) and not _is_nan(value))
