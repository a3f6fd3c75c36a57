"""Booleans in strings."""

from __future__ import annotations

_YES = ("true", "t", "yes", "y", "on", "ja", "oui", "si", "sí", "1", "1.0")
_NO = ("false", "f", "no", "n", "off", "nein", "non", "0", "0.0")
_BOOLEANS = {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}


def parse_boolean(string: str) -> bool | None:
    """Parse a word for yes or no; None if it is neither.

    >>> parse_boolean("Yes"), parse_boolean("0"), parse_boolean("maybe")
    (True, False, None)
    """
    return _BOOLEANS.get(string.lower())
