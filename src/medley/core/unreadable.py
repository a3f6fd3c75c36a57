"""Files in rows that cannot be read: images, recordings. What is done about them, and how they are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from medley.core.row_reporting import RowWarning, row_number, warn_about_rows
from medley.errors import DataError, did_you_mean, spelled

Policy = Literal["warn", "raise", "drop"]
"""`"warn"`: treated as missing, and listed in one warning; `"raise"`: an error that lists them; `"drop"`: as `"warn"`,
for callers who leave out beforehand the rows that `Codec.unreadable_rows` finds."""

POLICIES = ("warn", "raise", "drop")
MAX_LISTED = 10

Where = Callable[[int], tuple[int, int | None]]
"""Position among items -> row, and place in the row where it may hold several."""


def by_row(position: int) -> tuple[int, None]:
    """Where items are that come one per row."""
    return position, None


@dataclass(frozen=True)
class Unreadable:
    """An item that cannot be read.

    Args:
        row: its row, as the caller numbers it, from 0.
        place: its place among the items of that row, from 0; None where a row holds one.
        source: its path as the caller wrote it (quoted), or `"bytes"`; empty for arrays and objects.
        reason: why it cannot be read.
        noun: what it is.

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
    """What went wrong in one pass over items, by their positions.

    Args:
        bad: items that cannot be read: the policy decides about them.
        wrong: what is no such item at all, or does not fit the training data: an error, whatever the policy.
    """

    bad: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileReporter:
    """Reports the items of one modality that cannot be read.

    Args:
        noun: what one is called: "image".
        plural: what several are called.
        warning: the category of warnings.
        describe: item -> how messages name it: its path, "bytes", or nothing.
    """

    noun: str
    plural: str
    warning: type[Warning]
    describe: Callable[[Any], str]

    def listed(
        self, problems: Mapping[int, str], items: Sequence[Any] | np.ndarray, where: Where = by_row
    ) -> list[Unreadable]:
        """Problems by position among the items -> items in order, with the caller's numbers of their rows."""
        found = []
        for position in sorted(problems):
            row, place = where(position)
            source = self.describe(items[position])
            found.append(Unreadable(row_number(row), place, source, problems[position], self.noun))
        return found

    def stop(self, problems: Problems, items: Sequence[Any] | np.ndarray, where: Where, policy: Policy) -> None:
        """Ends the call where something is wrong, or bad and the policy says so.

        Raises:
            DataError: lists all of it.
        """
        if problems.wrong or (problems.bad and policy == "raise"):
            both = self.listed({**problems.bad, **problems.wrong}, items, where)
            head = f"{len(both)} of {len(items)} {self.plural} cannot be used."
            raise DataError(listing(f"{head} None stands for {self._article} {self.noun} that is missing.", both))

    def warn_of(self, found: Sequence[Unreadable], total: int) -> None:
        """One warning for all of them; none where there are none."""
        warn_about_rows(RowWarning(found, total, self.sentence, self.warning))

    def sentence(self, found: Sequence[Any], total: int) -> str:
        """The warning's text."""
        head = f"{len(found)} of {total} {self.plural} cannot be read and are treated as missing"
        return listing(f"{head} ({spelled('on_bad_file', 'raise')} stops instead).", found)

    def policy_problem(self, policy: Any) -> Iterator[str]:
        """A sentence where there is no such policy."""
        if policy not in POLICIES:
            names = ", ".join(map(repr, POLICIES))
            yield f"on_bad_file must be one of {names}, got {policy!r}.{did_you_mean(policy, POLICIES)}"

    @property
    def _article(self) -> str:
        return "an" if self.noun[0] in "aeiou" else "a"


def listing(head: str, items: Sequence[Unreadable]) -> str:
    r"""A sentence and, below it, the first of the items.

    >>> listing("One is bad.", [Unreadable(3, 1, "bytes", "not an image")])
    'One is bad.\n- row 3, image 1 (bytes): not an image'
    """
    lines = [head, *(f"- {item}" for item in items[:MAX_LISTED])]
    if len(items) > MAX_LISTED:
        lines.append(f"- and {len(items) - MAX_LISTED} more")
    return "\n".join(lines)
