"""Types of columns that were read from text: numbers and booleans, also where some cells hold a placeholder."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from medley.tables.formats.missing import AMBIGUOUS, PLACEHOLDERS

if TYPE_CHECKING:
    import pandas as pd

_BOOLEANS = {"true": True, "false": False}
_EXAMINED, _MOST_LISTED = 200, 5


def typed(frame: pd.DataFrame, as_text: Collection[str] = ()) -> tuple[pd.DataFrame, dict[str, dict[str, int]]]:
    """Convert columns of strings that are numbers or booleans apart from placeholders ("NA"), which become missing.

    Other columns are left as they are: whether "NA" is a value in them is decided when their kinds are inferred.

    Args:
        frame: as read from a text file.
        as_text: columns that stay text.

    Returns:
        The frame; and for each converted column the placeholders and their numbers of rows.

    >>> import pandas as pd
    >>> frame, placeholders = typed(pd.DataFrame({"size": ["1.5", "NA"], "region": ["EU", "NA"]}))
    >>> frame["size"].tolist(), frame["region"].tolist(), placeholders
    ([1.5, nan], ['EU', 'NA'], {'size': {'NA': 1}})
    """
    import pandas as pd

    converted: dict[str, Any] = {}
    placeholders: dict[str, dict[str, int]] = {}
    for name in frame.columns:
        column: Any = frame[name]
        if name in as_text or not pd.api.types.is_string_dtype(column.dtype):
            continue
        values = _as_values(column)
        if values is not None:
            converted[name] = values
            placeholders[name] = {str(word): int(count) for word, count in column[values.isna()].value_counts().items()}
    return (frame.assign(**converted) if converted else frame), placeholders


def note_of(placeholders: dict[str, dict[str, int]]) -> str:
    """A sentence about placeholders that became missing; "" if there are none.

    >>> print(note_of({"size": {"NA": 12}, "age": {"?": 1, "NA": 2}}))
    Among numbers, placeholders count as missing: size (12 times 'NA'), age (1 times '?', 2 times 'NA').
    """
    if not placeholders:
        return ""
    listed = [
        f"{name} ({', '.join(f'{count:,} times {word!r}' for word, count in words.items())})"
        for name, words in list(placeholders.items())[:_MOST_LISTED]
    ]
    more = f", and {len(placeholders) - _MOST_LISTED} more columns" if len(placeholders) > _MOST_LISTED else ""
    return f"Among numbers, placeholders count as missing: {', '.join(listed)}{more}."


def _as_values(column: Any) -> Any:
    """A column of numbers or booleans; None if it holds anything else, or nothing."""
    import pandas as pd

    words = [word for word in column.head(_EXAMINED).dropna() if not _is_placeholder(word)]
    if words and not all(map(_is_value, words)):
        return None
    distinct = column.dropna().unique()
    placeholders = [word for word in distinct if _is_placeholder(word)]
    others = [word for word in distinct if not _is_placeholder(word)]
    if not placeholders or not others:
        return None
    if all(str(word).strip().lower() in _BOOLEANS for word in others):
        return column.map({word: _BOOLEANS[str(word).strip().lower()] for word in others}).astype(object)
    numbers: Any = pd.to_numeric(column.mask(column.isin(placeholders)), errors="coerce")
    return numbers if numbers.notna().sum() == column.isin(others).sum() else None


def _is_placeholder(word: Any) -> bool:
    return isinstance(word, str) and word.strip().lower() in PLACEHOLDERS | AMBIGUOUS


def _is_value(word: Any) -> bool:
    try:
        float(word)
    except ValueError:
        return str(word).strip().lower() in _BOOLEANS
    return "_" not in str(word)
