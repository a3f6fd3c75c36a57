"""Kinds of columns: what cells can hold; each kind is one registered class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from medley.core import registry
from medley.errors import ConfigError, DataError, did_you_mean, spelled

if TYPE_CHECKING:
    from medley.core.column import ColumnGuess
    from medley.tables.columns.profile import ColumnProfile, KindGuess

SET_BY_CALLER = "the caller set it"
"""The reason given for kinds that the caller sets."""


class ColumnKind(ABC):
    """A kind of column: how it is recognised, overridden, parsed and described.

    One stateless subclass per kind; `class AudioKind(ColumnKind, register="audio.kind")` registers it. Each modality's
    kinds are in its own package.
    """

    name: ClassVar[str]
    """Its name in schemas, saved models and the argument `column_kinds`."""

    rank: ClassVar[float] = 50.0
    """Kinds try to recognise a column in ascending rank; the first that does decides."""

    is_used: ClassVar[bool] = True
    """Whether networks learn from such columns."""

    names_files: ClassVar[bool] = False
    """Whether cells may be paths of files, whose content then counts as part of the table."""

    forms: ClassVar[str] = r"(?s).*"
    """What the form of its cells may be: a regular expression, so that a saved schema can be checked."""

    compared_as: ClassVar[Literal["number", "label", "labels", "numbers"] | None] = None
    """How leak checks compare the column with a target: one number or label per cell, several, or not at all (None)."""

    @property
    def is_single_valued(self) -> bool:
        """Whether cells are single values: not lists, arrays, images and the like."""
        return self.compared_as in ("number", "label")

    has_number_markers: ClassVar[bool] = False
    """Whether words such as "unknown" are missing values in such columns, as among numbers."""

    is_cellwise: ClassVar[bool] = False
    """Whether `parse` returns an array in which the value of a string, number or boolean depends on that cell only."""

    keeps_numbers: ClassVar[bool] = False
    """Whether `parse` returns numbers as they are, as floats."""

    def __init_subclass__(cls, *, register: str | None = None) -> None:
        if register is not None:
            registry.register(register)(cls)

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        """Infer whether a column, considered by itself, is of this kind.

        Args:
            profile: a column with at least one value.

        Returns:
            The guess, with its reason and confidence; None if the column is of another kind.
        """
        return None

    @abstractmethod
    def override(self, profile: ColumnProfile) -> KindGuess:
        """Treat a column as this kind because the caller set it.

        Args:
            profile: a column with at least one value, which was inferred to be of another kind.

        Raises:
            DataError: no cell can be parsed as this kind.
        """

    @abstractmethod
    def parse(self, profile: ColumnProfile, form: str) -> tuple[Any, np.ndarray]:
        """Parse cells into the form that codecs take.

        Args:
            profile: a column of B rows.
            form: how its cells are written, as found by `recognize` or `override`.

        Returns:
            B values, in a form that the kind documents, missing ones as NaN, NaT or None; and a mask (B,) of the rows
            that were parsed.
        """

    @abstractmethod
    def describe(self, form: str, distinct: int) -> str:
        """Describe in a few words what a network gets from such a column.

        Args:
            form: how cells are written.
            distinct: number of distinct values or labels.
        """

    def reads_as_text(self, form: str) -> bool:
        """Whether cells must stay text when a file is read, even if all of them are digits."""
        return False

    def claim_families(
        self, guesses: Sequence[ColumnGuess], profiles: Mapping[str, ColumnProfile]
    ) -> Mapping[str, KindGuess]:
        """Find groups of columns that are of this kind only together, such as a series with one column per time step.

        Args:
            guesses: the guess for each column by itself, in the order of the table; without columns whose kind the
                caller sets.
            profiles: the profiles of these columns.

        Returns:
            Column -> the guess that replaces its own.
        """
        return {}


def column_kinds() -> list[ColumnKind]:
    """All registered kinds, in the order in which they try to recognise a column."""
    return sorted(map(_kind, registry.declared(ColumnKind).values()), key=lambda kind: (kind.rank, kind.name))


@cache
def _kind(kind: type[ColumnKind]) -> ColumnKind:
    return kind()


def kind_names() -> list[str]:
    """The names of all kinds.

    >>> {"number", "text", "image"} <= set(kind_names())
    True
    """
    return [kind.name for kind in column_kinds()]


def kind_named(name: str) -> ColumnKind:
    """The kind with this name.

    Raises:
        ConfigError: there is no such kind.

    >>> kind_named("image").is_used, kind_named("identifier").is_used
    (True, False)
    """
    kind = registry.find_declared(ColumnKind, lambda kind: _kind(kind).name == name)
    if kind is not None:
        return _kind(kind)
    raise ConfigError(f"There is no kind of column called {name!r}.{did_you_mean(name, kind_names())}")


def parse_column(profile: ColumnProfile, name: str, form: str) -> tuple[Any, np.ndarray]:
    """Parse a column with `ColumnKind.parse` of the kind with this name; the result is cached in the profile."""
    from medley.tables.columns.guard import guarded

    kind = kind_named(name)
    profile = profile.single_valued if kind.is_single_valued else profile
    if (name, form) not in profile.parsed:
        profile.parsed[name, form] = guarded(profile, lambda profile: kind.parse(profile, form))
    return profile.parsed[name, form]


def overridden(profile: ColumnProfile, name: str, inferred: KindGuess) -> KindGuess:
    """The guess for a column whose kind the caller sets.

    Args:
        profile: the column.
        name: the kind that the caller sets.
        inferred: the inferred guess; it is kept if it is of the same kind.

    Raises:
        DataError: the cells cannot be parsed as this kind.
    """
    from medley.tables.columns.guard import guarded
    from medley.tables.columns.profile import KindGuess

    kind = kind_named(name)
    if not kind.is_used:
        return KindGuess(name, SET_BY_CALLER, 1.0)
    if inferred.kind == name or not profile.n_present:
        return replace(inferred, kind=name, reason=SET_BY_CALLER, confidence=1.0)
    is_single_valued = kind.is_single_valued and profile.is_mostly_plain
    return guarded(profile.single_valued if is_single_valued else profile, kind.override)


def cannot_parse(profile: ColumnProfile, name: str) -> DataError:
    """The error for a column whose cells cannot be parsed as the kind that the caller sets."""
    examples = profile.values[:3].tolist() if profile.is_plain else [type(cell).__name__ for cell in profile.cells[:1]]
    listed = ", ".join(repr(str(example)[:40]) for example in examples)
    return DataError(
        f"Column {profile.name!r} cannot be parsed as {name}, the kind set in {spelled('column_kinds')}: "
        f"it holds {listed}."
    )
