"""Words of yes and no."""

from __future__ import annotations

_YES = ("true", "t", "yes", "y", "on", "ja", "oui", "si", "sí", "1", "1.0")
_NO = ("false", "f", "no", "n", "off", "nein", "non", "0", "0.0")
_ANSWERS = {**dict.fromkeys(_YES, True), **dict.fromkeys(_NO, False)}


def answer_of(word: str) -> bool | None:
    """Whether a word says yes or no; None where it says neither.

    >>> answer_of("Yes"), answer_of("0"), answer_of("maybe")
    (True, False, None)
    """
    return _ANSWERS.get(word.lower())
