"""How errors and warnings refer to rows: by the caller's numbers, and in one warning for rows encoded in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from medley.errors import warn


class RowItem(Protocol):
    """Something in a row that a warning lists."""

    @property
    def row(self) -> int:
        """The caller's number of the row."""
        ...


@dataclass
class RowWarning:
    """A warning about some rows that has not been issued yet.

    Args:
        items: what it lists, in the order of rows; several may be in one row.
        total: number of items that were examined.
        message: `items`, `total` -> the text of the warning.
        category: the warning's class.
        prefix: text before the message: "photo: ".
    """

    items: Sequence[RowItem]
    total: int
    message: Callable[[Sequence[Any], int], str]
    category: type[Warning]
    prefix: str = ""

    @property
    def text(self) -> str:
        """The whole text of the warning."""
        return f"{self.prefix}{self.message(self.items, self.total)}"


class WarningCollector:
    """Within the context, merges warnings about rows; at its end, issues one for each message and prefix.

    If the context ends with an error, no warning is issued.

    Args:
        prefix: text before each warning: "photo: ".

    Attributes:
        warnings: the merged warnings, each with the items of all rows in order.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.warnings: list[RowWarning] = []

    def __enter__(self) -> Self:
        self._token = _COLLECTOR.set(self)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        _COLLECTOR.reset(self._token)
        if error is None:
            for warning in self.warnings:
                warn_about_rows(warning)

    def add(self, warning: RowWarning) -> None:
        """Adds a warning: merges it into one of the same message and prefix, if there is one."""
        warning.prefix = f"{self.prefix}{warning.prefix}"
        for earlier in self.warnings:
            if (earlier.message, earlier.prefix) == (warning.message, warning.prefix):
                earlier.items = sorted([*earlier.items, *warning.items], key=lambda item: item.row)
                earlier.total += warning.total
                return
        self.warnings.append(warning)


@contextmanager
def using_row_numbers(numbers: np.ndarray | None) -> Iterator[None]:
    """Within the context, errors and warnings refer to rows by the caller's numbers instead of by position.

    Args:
        numbers: (B,) the caller's number of each row; None to use positions.

    >>> with using_row_numbers(np.array([7, 9])):
    ...     row_number(1)
    9
    """
    token = _NUMBERS.set(numbers)
    try:
        yield
    finally:
        _NUMBERS.reset(token)


def row_number(position: int) -> int:
    """The caller's number of the row at this position."""
    numbers = _NUMBERS.get()
    return int(position) if numbers is None else int(numbers[position])


def warn_about_rows(warning: RowWarning) -> None:
    """Issues a warning, or passes it to the surrounding `WarningCollector`; ignores a warning without items."""
    collector = _COLLECTOR.get()
    if collector is not None:
        collector.add(warning)
    elif warning.items:
        warn(warning.text, warning.category)


_NUMBERS: ContextVar[np.ndarray | None] = ContextVar("numbers", default=None)
_COLLECTOR: ContextVar[WarningCollector | None] = ContextVar("collector", default=None)
