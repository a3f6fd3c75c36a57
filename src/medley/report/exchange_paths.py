"""Paths from other rows to the row that is explained, which exchange one column after the other, in random orders.

The mean over orders of what the exchange of a column changes is its Shapley value; words of a text are exchanged one
after the other while it is the text's turn, which gives Owen values. Along each path, the changes sum to the whole
difference, so attributions are complete whatever the number of paths.

Sources: L. Shapley, "A value for n-person games" (1953); G. Owen, "Values of games with a priori unions" (1977);
J. Castro et al., "Polynomial calculation of the Shapley value based on sampling", Computers & Operations Research 36
(2009); orders and their reverses together: R. Mitchell et al., "Sampling Permutations for Shapley Value Estimation",
JMLR 23 (2022).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_WORDS = 48
"""Units of a text; neighbouring words of longer texts are exchanged together."""


@dataclass(frozen=True)
class TextUnits:
    """A text in units: (start, stop) of each, in characters, including the space that follows."""

    text: str
    spans: tuple[tuple[int, int], ...]

    def subset(self, units: Sequence[int]) -> str:
        """The text with some units only, in order; the text itself for all of them."""
        if len(units) == len(self.spans):
            return self.text
        return "".join(self.text[slice(*self.spans[unit])] for unit in sorted(units)).strip()


def text_units(text: str) -> TextUnits:
    """Parts a text into words, or into groups of neighbouring words if there are many.

    >>> units = text_units("a red dress")
    >>> units.subset([0, 2]), units.subset([])
    ('a dress', '')
    """
    starts = [match.start() for match in re.finditer(r"\S+", text)]
    starts = (
        [starts[place] for place in np.unique(np.linspace(0, len(starts), MAX_WORDS + 1).astype(int)[:-1])]
        if starts
        else []
    )
    return TextUnits(text, tuple(zip(starts, [*starts[1:], len(text)], strict=True)))


@dataclass(frozen=True)
class Exchange:
    """One event of a path: a column, or a unit of its text, becomes that of the explained row; -1 removes the text."""

    column: str
    unit: int | None = None


class ExchangePaths:
    """Paths of one row; the states of all paths are R = P (E + 1) rows.

    Args:
        columns: names, in order.
        texts: column -> units of the explained row's text, for columns that are exchanged word by word.
        row: position of the explained row.
        others: (P,) position of the row at which each path starts.
        generator: of the orders; consecutive paths have opposite orders.
    """

    def __init__(
        self,
        columns: Sequence[str],
        texts: Mapping[str, TextUnits],
        row: int,
        others: np.ndarray,
        generator: np.random.Generator,
    ) -> None:
        self.texts, self.row, self.others = texts, row, others
        self.events: list[list[Exchange]] = []
        for path in range(len(others)):
            if path % 2:
                self.events.append(self._reversed(self.events[-1]))
                continue
            order: list[Exchange] = []
            for place in map(int, generator.permutation(len(columns))):
                name = columns[place]
                order.append(Exchange(name, -1 if name in texts else None))
                if name in texts:
                    units = generator.permutation(len(texts[name].spans))
                    order += [Exchange(name, int(unit)) for unit in units]
            self.events.append(order)
        self.columns = list(columns)
        self.length = len(self.events[0])

    def _reversed(self, events: Sequence[Exchange]) -> list[Exchange]:
        order: list[Exchange] = []
        for name in reversed(list(dict.fromkeys(event.column for event in events))):
            members = [event for event in events if event.column == name]
            order += members if len(members) == 1 else [members[0], *reversed(members[1:])]
        return order

    def begins(self, column: str) -> np.ndarray:
        """(P,) the event of each path at which the exchange of a column begins."""
        return np.array([next(i for i, event in enumerate(path) if event.column == column) for path in self.events])

    def positions(self, column: str) -> np.ndarray:
        """(R,) the row from which a column's cell is taken, path by path and state by state."""
        states = np.arange(self.length + 1)
        is_exchanged = states[None, :] > self.begins(column)[:, None]
        return np.where(is_exchanged, self.row, self.others[:, None]).reshape(-1)

    def partial_texts(self, column: str) -> list[tuple[int, str | None]]:
        """(row of the R, text) of the states in which only some units of a text are there."""
        units, partial = self.texts[column], []
        for path, start in enumerate(self.begins(column).tolist()):
            first = path * (self.length + 1) + start + 1
            members: list[int] = []
            partial.append((first, None))
            for count, event in enumerate(self.events[path][start + 1 : start + len(units.spans)], start=1):
                members.append(int(event.unit or 0))
                partial.append((first + count, units.subset(members)))
        return partial

    def amounts(self, outputs: np.ndarray) -> dict[Exchange, np.ndarray]:
        """Exchange -> what it changed in each path (P,).

        Args:
            outputs: (R,) of all states.
        """
        changes = np.diff(outputs.reshape(len(self.events), self.length + 1), axis=1)
        amounts: dict[Exchange, Any] = {}
        for path, events in enumerate(self.events):
            for event, change in zip(events, changes[path].tolist(), strict=True):
                amounts.setdefault(event, np.zeros(len(self.events)))[path] = change
        return amounts
