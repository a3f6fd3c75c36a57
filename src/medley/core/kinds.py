"""What a column can hold."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of values that inputs accept and heads predict.

    >>> Kind("image") is Kind.IMAGE
    True
    """

    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    TIME = "time"
    SERIES = "series"
    VECTOR = "vector"
    SET = "set"
