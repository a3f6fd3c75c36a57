"""Names of columns: whether the first line of a file holds them, and names that are missing or used twice."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from medley.errors import ConfigError
from medley.tables.formats.missing import AMONG_NUMBERS

HasHeader = bool | Literal["auto"]

_NUMBERED = re.compile(r"column_\d+")
_SEPARATED = re.compile(r"[-+]?\d[\d.,']*")  # numbers with decimal commas or separated thousands; dates of digits
_FEW = 0.5  # of the rows: a column with so few distinct words holds categories


@dataclass(frozen=True)
class Header:
    """Whether the first line of a text file or sheet holds the names of the columns.

    Args:
        present: True, False, or `"auto"` to decide by the cells.
        names: names that the table is known to need, such as the inputs of a model, by which `"auto"` decides first.
    """

    present: HasHeader = "auto"
    names: frozenset[str] = frozenset()

    def is_in(self, records: Sequence[Sequence[str]]) -> bool:
        """Whether the first record of a table holds names.

        Args:
            records: the cells of the first lines, one at least.

        >>> Header().is_in([["age", "sex"], ["3", "f"]]), Header().is_in([["5", "f"], ["3", "f"]])
        (True, False)
        """
        if self.present != "auto":
            return self.present
        first = [cell.strip() for cell in records[0]]
        if self.names & set(first):
            return True
        if self.names and all(map(_NUMBERED.fullmatch, self.names)):
            return False
        return _looks_like_names(first, [row for row in records[1:] if len(row) == len(first)])


BY_CELLS = Header()
"""The first line holds names if it differs from the cells below it as names do."""


def check_header(header: object) -> None:
    """Check the argument `header`.

    Raises:
        ConfigError: it is not True, False or `"auto"`.

    >>> check_header("auto")
    """
    if header not in (True, False, "auto"):
        raise ConfigError(f'must be True, False or "auto", got {header!r}.', argument="header")


def numbered_names(count: int) -> tuple[str, ...]:
    """Names of columns that have none.

    >>> numbered_names(2)
    ('column_1', 'column_2')
    """
    return tuple(f"column_{number}" for number in range(1, count + 1))


def unique_names(names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Rename columns so that each name is used once.

    Args:
        names: in order; blank ones are named as pandas names them.

    Returns:
        The names, and a note about those that were used several times, or "".

    >>> unique_names(["a", "b", "a", ""])
    (('a', 'b', 'a_2', 'Unnamed: 3'), "'a' names 2 columns; they are called 'a', 'a_2'.")
    """
    reserved, result, renamed = set(names), [], dict[str, list[str]]()
    for position, name in enumerate(names):
        new = name if name.strip() else f"Unnamed: {position}"
        number = 2
        while new in result or (new != name and new in reserved):
            new, number = f"{name or 'Unnamed'}_{number}", number + 1
        result.append(new)
        if name.strip():
            renamed.setdefault(name, []).append(new)
    notes = [
        f"{name!r} names {len(new)} columns; they are called {', '.join(map(repr, new))}."
        for name, new in renamed.items()
        if len(new) > 1
    ]
    more = f" (and {len(notes) - 3} more names are used several times)" if len(notes) > 3 else ""
    return tuple(result), " ".join(notes[:3]) + more


def _looks_like_names(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a first line differs from the rows below it as names do.

    A word above numbers is a name; a number above numbers is not, unless all such numbers count on (0, 1, 2 or years).
    Where there are no numbers, a first line is not one of names if most of its words recur below it.
    """
    if not rows or len(set(first)) < len(first) - 1:
        return not rows or not any(map(_is_written_number, first))
    columns = list(zip(*rows, strict=True))
    numeric = [_are_numbers(cells) for cells in columns]
    if any(is_numeric and _is_word(cell) for cell, is_numeric in zip(first, numeric, strict=True)):
        return True
    numbers = [cell for cell, is_numeric in zip(first, numeric, strict=True) if is_numeric and _is_written_number(cell)]
    if numbers:
        return _count_on(numbers) and not _count_on(
            [cell for cell, is_numeric in zip(rows[0], numeric, strict=True) if is_numeric]
        )
    categories = [
        (cell, cells)
        for cell, cells in zip(first, columns, strict=True)
        if len(set(cells)) <= max(_FEW * len(cells), 1) and len(cells) > 1
    ]
    recurring = sum(cell in {other.strip() for other in cells} for cell, cells in categories)
    return recurring <= len(categories) / 2


def is_number(cell: str) -> bool:
    """Whether a cell of a text file is a number as programs write it.

    >>> is_number("1e3"), is_number("nan"), is_number("1 kg")
    (True, False, False)
    """
    try:
        return float(cell) == float(cell)
    except ValueError:
        return False


def _are_numbers(cells: Collection[str]) -> bool:
    present = [cell for cell in cells if _is_value(cell)]
    return bool(present) and all(map(_is_written_number, present))


def _is_written_number(cell: str) -> bool:
    return is_number(cell) or _SEPARATED.fullmatch(cell.strip()) is not None


def _is_value(cell: str) -> bool:
    return bool(cell.strip()) and cell.strip().lower() not in AMONG_NUMBERS


def _is_word(cell: str) -> bool:
    return _is_value(cell) and not _is_written_number(cell)


def _count_on(cells: Sequence[str]) -> bool:
    numbers = [float(cell) if is_number(cell) else float("nan") for cell in cells]
    return len(numbers) > 1 and all(after == before + 1 for before, after in pairwise(numbers))
