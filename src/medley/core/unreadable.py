"""Files in rows that cannot be read (images, recordings): policies, and how they are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from medley.core.row_reporting import RowWarning, row_number, warn_about_rows
from medley.errors import DataError, did_you_mean, spelled

Policy = Literal["warn", "raise", "drop"]
"""`"warn"`: files are treated as missing and listed in a warning; `"raise"`: an error lists them; `"drop"`: like
`"warn"`, for callers that first drop the rows of `Codec.unreadable_rows`."""

POLICIES = ("warn", "raise", "drop")
MAX_LISTED = 10

Where = Callable[[int], tuple[int, int | None]]
"""Index of an item -> its row, and its position in the row; None if rows hold one item."""


def by_row(position: int) -> tuple[int, None]:
    """The row of an item if each row holds one."""
    return position, None


@dataclass(frozen=True)
class Unreadable:
    """An item that cannot be read.

    Args:
        row: the caller's number of its row, from 0.
        place: its position among the items of that row, from 0; None if rows hold one item.
        source: its path as written by the caller (quoted), or `"bytes"`; empty for arrays and objects.
        reason: why it cannot be read.
        noun: the noun for an item.

    >>> str(Unreadable(3, None, "'a.png'", "no such file"))
    "row 3 ('a.png'): no such file"
    """

    row: int
    place: int | None
    source: str
    reason: str
    noun: str = "image"

    def __str__(self) -> str:
        place = "" if self.place is None else f", {self.noun} {self.place}"
        return f"row {self.row}{place}{f' ({self.source})' if self.source else ''}: {self.reason}"


@dataclass
class Problems:
    """Problems of items, by their indices.

    Args:
        unreadable: items that cannot be read; the policy applies to them.
        invalid: values of a wrong type, or items that do not match the training data; always an error.
    """

    unreadable: dict[int, str] = field(default_factory=dict)
    invalid: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileReporter:
    """Reports the items of one modality that cannot be read.

    Args:
        noun: the noun for an item: "image".
        plural: its plural.
        warning: the class of warnings.
        describe: item -> its description in messages: its path, "bytes", or nothing.
    """

    noun: str
    plural: str
    warning: type[Warning]
    describe: Callable[[Any], str]

    def list_items(
        self, problems: Mapping[int, str], items: Sequence[Any] | np.ndarray, where: Where = by_row
    ) -> list[Unreadable]:
        """The items that have problems, in order, with the caller's numbers of their rows.

        Args:
            problems: index of an item -> reason.
            items: all items.
            where: index of an item -> its row and position.
        """
        unreadable = []
        for position in sorted(problems):
            row, place = where(position)
            source = self.describe(items[position])
            unreadable.append(Unreadable(row_number(row), place, source, problems[position], self.noun))
        return unreadable

    def raise_errors(self, problems: Problems, items: Sequence[Any] | np.ndarray, where: Where, policy: Policy) -> None:
        """Raises an error if items are invalid, or if items are unreadable and the policy is `"raise"`.

        Args:
            problems: the problems of all items.
            items: all items.
            where: index of an item -> its row and position.
            policy: for unreadable items.

        Raises:
            DataError: lists all problems.
        """
        if problems.invalid or (problems.unreadable and policy == "raise"):
            unusable = self.list_items({**problems.unreadable, **problems.invalid}, items, where)
            title = f"{len(unusable)} of {len(items)} {self.plural} cannot be used."
            raise DataError(list_message(f"{title} None stands for a missing {self.noun}.", unusable))

    def warn_of(self, unreadable: Sequence[Unreadable], total: int) -> None:
        """Issues one warning that lists the unreadable items; none if there are none.

        Args:
            unreadable: items in the order of rows.
            total: number of all items.
        """
        warn_about_rows(RowWarning(unreadable, total, self.sentence, self.warning))

    def sentence(self, unreadable: Sequence[Any], total: int) -> str:
        """The text of the warning."""
        title = f"{len(unreadable)} of {total} {self.plural} cannot be read and are treated as missing"
        return list_message(f"{title} ({spelled('on_bad_file', 'raise')} stops instead).", unreadable)

    def policy_problem(self, policy: Any) -> Iterator[str]:
        """Yields a sentence if a policy is invalid."""
        if policy not in POLICIES:
            names = ", ".join(map(repr, POLICIES))
            yield f"on_bad_file must be one of {names}, got {policy!r}.{did_you_mean(policy, POLICIES)}"


def list_message(title: str, items: Sequence[object]) -> str:
    r"""A message with a title, and a line for each of the first items.

    >>> list_message("One is bad.", [Unreadable(3, 1, "bytes", "not an image")])
    'One is bad.\n- row 3, image 1 (bytes): not an image'
    """
    lines = [title, *(f"- {item}" for item in items[:MAX_LISTED])]
    if len(items) > MAX_LISTED:
        lines.append(f"- and {len(items) - MAX_LISTED} more")
    return "\n".join(lines)
