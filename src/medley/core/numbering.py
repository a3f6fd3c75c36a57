"""Rows by the caller's numbers, however they were divided on their way: in errors, and in one warning for all parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from medley.errors import warn


class OfRow(Protocol):
    """Something that is told of a row."""

    @property
    def row(self) -> int:
        """The row, as the caller numbers it."""
        ...


@dataclass
class Notice:
    """What is told of some rows in one warning.

    Args:
        found: one per row or more, in order.
        total: of how many.
        sentence: `found`, `total` -> the warning.
        category: of the warning.
        told: what stands before it.
    """

    found: Sequence[OfRow]
    total: int
    sentence: Callable[[Sequence[Any], int], str]
    category: type[Warning]
    told: str = ""


class numbered:
    """Inside, rows are told by these numbers instead of their positions.

    Args:
        numbers: (B,) the number of each row; None leaves positions.

    >>> with numbered(np.array([7, 9])):
    ...     row_number(1)
    9
    """

    def __init__(self, numbers: np.ndarray | None) -> None:
        self.numbers = numbers

    def __enter__(self) -> Self:
        self._token = _NUMBERS.set(self.numbers)
        return self

    def __exit__(self, *_: object) -> None:
        _NUMBERS.reset(self._token)


@dataclass
class gathered:
    """Inside, notices are held back; they become one warning per kind at the end, if all went well.

    Args:
        told: what stands before the warnings: "photo: ".

    Attributes:
        notices: those held back, those of one kind joined, their rows in order.
    """

    told: str = ""
    notices: list[Notice] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._token = _GATHERED.set(self)
        return self

    def __exit__(self, error: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        _GATHERED.reset(self._token)
        if error is None:
            for one in self.notices:
                note(one)

    def add(self, notice: Notice) -> None:
        """Holds a notice back."""
        notice.told = f"{self.told}{notice.told}"
        for one in self.notices:
            if (one.sentence, one.told) == (notice.sentence, notice.told):
                one.found = sorted([*one.found, *notice.found], key=lambda of: of.row)
                one.total += notice.total
                return
        self.notices.append(notice)


def row_number(position: int) -> int:
    """The number by which the caller knows a row."""
    numbers = _NUMBERS.get()
    return int(position) if numbers is None else int(numbers[position])


def note(notice: Notice) -> None:
    """Warns of rows, or holds it back inside `gathered`; silent where nothing was found."""
    outer = _GATHERED.get()
    if outer is not None:
        outer.add(notice)
    elif notice.found:
        warn(f"{notice.told}{notice.sentence(notice.found, notice.total)}", notice.category)


_NUMBERS: ContextVar[np.ndarray | None] = ContextVar("numbers", default=None)
_GATHERED: ContextVar[gathered | None] = ContextVar("gathered", default=None)
