"""Images that cannot be read: what is done about them, and how they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from medley.core.numbering import Notice, note, row_number
from medley.errors import BadImageWarning, DataError, did_you_mean
from medley.image.sources import told

Policy = Literal["warn", "raise", "drop"]
"""`"warn"`: taken as missing, and told in one warning; `"raise"`: an error that tells them; `"drop"`: as `"warn"`, for
callers who leave out beforehand what `unreadable_rows` finds."""

POLICIES = ("warn", "raise", "drop")
MOST_TOLD = 10

Where = Callable[[int], tuple[int, int | None]]
"""Position among images -> row, and place in the row where it may hold several."""


def by_row(at: int) -> tuple[int, None]:
    """Where images are that come one per row."""
    return at, None


@dataclass(frozen=True)
class BadImage:
    """An image that cannot be read.

    Args:
        row: its row, as the caller numbers it, from 0.
        place: its place among the images of that row, from 0; None where a row holds one.
        source: its path as the caller wrote it (quoted), `"bytes"` or `"base64"`; empty for arrays and images.
        reason: why not.

    >>> str(BadImage(3, None, "'a.png'", "no such file"))
    "row 3 ('a.png'): no such file"
    """

    row: int
    place: int | None
    source: str
    reason: str

    def __str__(self) -> str:
        place = "" if self.place is None else f", image {self.place}"
        return f"row {self.row}{place}{f' ({self.source})' if self.source else ''}: {self.reason}"


@dataclass
class Found:
    """What went wrong in one pass over images, by their positions.

    Args:
        bad: images that cannot be read.
        wrong: what is no image, or none that fits those of the training: a mistake of the call, whatever the policy.
    """

    bad: dict[int, str] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)


def listed(problems: Mapping[int, str], items: Sequence[Any] | np.ndarray, where: Where) -> list[BadImage]:
    """Problems by position among the items -> images in order, with the caller's numbers of their rows.

    >>> listed({1: "no such file"}, ["a.png", "b.png"], by_row)
    [BadImage(row=1, place=None, source="'b.png'", reason='no such file')]
    """
    found = []
    for at in sorted(problems):
        row, place = where(at)
        found.append(BadImage(row_number(row), place, told(items[at]), problems[at]))
    return found


def stop(found: Found, items: Sequence[Any] | np.ndarray, where: Where, policy: Policy) -> None:
    """Ends the call where something is wrong, or bad and the policy says so.

    Raises:
        DataError: tells all of it.
    """
    if found.wrong or (found.bad and policy == "raise"):
        both = listed({**found.bad, **found.wrong}, items, where)
        head = f"{len(both)} of {len(items)} images cannot be used. None stands for an image that is missing."
        raise DataError(listing(head, both))


def warn_of(bad: Sequence[BadImage], total: int) -> None:
    """One `BadImageWarning` for all of them; none where there are none."""
    note(Notice(bad, total, _sentence, BadImageWarning))


def _sentence(bad: Sequence[BadImage], total: int) -> str:
    head = f"{len(bad)} of {total} images cannot be read and are taken as missing"
    return listing(f'{head} (on_bad_image="raise" stops instead).', bad)


def listing(head: str, images: Sequence[BadImage]) -> str:
    r"""A sentence and, below it, the first of the images.

    >>> listing("One is bad.", [BadImage(3, 1, "bytes", "no image")])
    'One is bad.\n- row 3, image 1 (bytes): no image'
    """
    lines = [head, *(f"- {one}" for one in images[:MOST_TOLD])]
    if len(images) > MOST_TOLD:
        lines.append(f"- and {len(images) - MOST_TOLD} more")
    return "\n".join(lines)


def policy_problem(policy: Any) -> Iterator[str]:
    """A sentence where there is no such policy.

    >>> list(policy_problem("ignore"))
    ["on_bad_image must be one of 'warn', 'raise', 'drop', got 'ignore'. Choose from: 'warn', 'raise', 'drop'."]
    """
    if policy not in POLICIES:
        names = ", ".join(map(repr, POLICIES))
        yield f"on_bad_image must be one of {names}, got {policy!r}.{did_you_mean(policy, POLICIES)}"
