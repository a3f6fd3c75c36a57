"""What a column can hold."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The kinds of values that inputs accept and heads predict, and the reasons to leave a column out.

    >>> Kind("image") is Kind.IMAGE, Kind.IMAGE.is_used, Kind.IDENTIFIER.is_used
    (True, True, False)
    """

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    TIME = "time"
    SERIES = "series"
    VECTOR = "vector"
    SET = "set"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"
    UNUSED = "unused"

    @property
    def is_used(self) -> bool:
        """Whether a network learns from such a column: identifiers, constants and the unused are left out."""
        return self not in (Kind.IDENTIFIER, Kind.CONSTANT, Kind.UNUSED)
