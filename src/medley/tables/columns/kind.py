"""Kinds of columns: what cells can hold, each announced by one class that is found through the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from medley.core import registry
from medley.errors import ConfigError, DataError, did_you_mean, spelled

if TYPE_CHECKING:
    from medley.core.column import ColumnGuess
    from medley.tables.columns.profile import ColumnProfile, KindGuess

SAID = "the caller says so"
"""The reason of what the caller says himself."""


class ColumnKind(ABC):
    """What the cells of a column can hold: how it is recognised, overridden, parsed and described.

    One final subclass per kind, without state. `class AudioKind(ColumnKind, register="audio.kind")` registers it; the
    modalities' kinds lie in their slices, so that a new modality brings its own.
    """

    name: ClassVar[str]
    """What schemas, saved models and the argument `column_kinds` call it."""

    rank: ClassVar[float] = 50.0
    """Kinds are asked in rising order whether they recognise a column; the first that does decides."""

    is_used: ClassVar[bool] = True
    """Whether networks learn from such columns."""

    names_files: ClassVar[bool] = False
    """Whether cells may be paths of files, whose content then belongs to the table's."""

    compared_as: ClassVar[Literal["number", "label", "labels", "numbers"] | None] = None
    """How leak checks compare such a column with a target: one number or label per cell, several, or not at all."""

    def __init_subclass__(cls, *, register: str | None = None) -> None:
        if register is not None:
            registry.register(register)(cls)

    def recognize(self, profile: ColumnProfile) -> KindGuess | None:
        """Says whether a column is of this kind, by itself.

        Args:
            profile: a column with at least one value.

        Returns:
            The guess, with its reason and confidence; None where it is another kind.
        """
        return None

    @abstractmethod
    def override(self, profile: ColumnProfile) -> KindGuess:
        """Reads a column as this kind because the caller says so.

        Args:
            profile: a column with at least one value, which was inferred to be of another kind.

        Raises:
            DataError: no cell can be parsed as this kind.
        """

    @abstractmethod
    def parse(self, profile: ColumnProfile, form: str) -> tuple[Any, np.ndarray]:
        """Cells as codecs read them.

        Args:
            profile: a column of B rows.
            form: how its cells are written, as `recognize` and `override` say.

        Returns:
            B values, of a form that the kind documents, missing ones as NaN, NaT or None; and which rows (B,) have one,
            or say in words that there is none.
        """

    @abstractmethod
    def describe(self, form: str, distinct: int) -> str:
        """What a network sees of such a column, in a few words.

        Args:
            form: how cells are written.
            distinct: number of distinct values or labels.
        """

    def reads_as_text(self, form: str) -> bool:
        """Whether cells must stay text when a file is read, even if all of them happen to be digits."""
        return False

    def claim_families(
        self, guesses: Sequence[ColumnGuess], profiles: Mapping[str, ColumnProfile]
    ) -> Mapping[str, KindGuess]:
        """Finds columns that only together are of this kind, such as a series in wide form, one column per step.

        Args:
            guesses: what each column holds by itself, in the order of the table; without those that the caller
                overrides.
            profiles: of these columns.

        Returns:
            Column -> the guess that takes the place of its own.
        """
        return {}


def column_kinds() -> list[ColumnKind]:
    """All kinds that are registered here, in the order in which they are asked."""
    classes: list[Any] = list(registry.declared(ColumnKind).values())
    return sorted((kind() for kind in classes), key=lambda kind: (kind.rank, kind.name))


def kind_names() -> list[str]:
    """The names of all kinds.

    >>> {"number", "text", "image"} <= set(kind_names())
    True
    """
    return [kind.name for kind in column_kinds()]


def kind_named(name: str) -> ColumnKind:
    """The kind of a name.

    Raises:
        ConfigError: there is no such kind.

    >>> kind_named("image").is_used, kind_named("identifier").is_used
    (True, False)
    """
    for kind in column_kinds():
        if kind.name == name:
            return kind
    raise ConfigError(f"There is no kind of column called {name!r}.{did_you_mean(name, kind_names())}")


def parse_column(profile: ColumnProfile, name: str, form: str) -> tuple[Any, np.ndarray]:
    """A column's cells, parsed once for all who ask: as `ColumnKind.parse` of the kind of that name."""
    if (name, form) not in profile.parsed:
        profile.parsed[name, form] = kind_named(name).parse(profile, form)
    return profile.parsed[name, form]


def overridden(profile: ColumnProfile, name: str, inferred: KindGuess) -> KindGuess:
    """A column as the kind that the caller says it is.

    Args:
        profile: the column.
        name: the kind that the caller says.
        inferred: what was inferred; where it is the same kind, it stands.

    Raises:
        DataError: the cells cannot be parsed as this kind.
    """
    from medley.tables.columns.profile import KindGuess

    kind = kind_named(name)
    if not kind.is_used:
        return KindGuess(name, SAID, 1.0)
    if inferred.kind == name or not profile.known:
        return replace(inferred, kind=name, reason=SAID, confidence=1.0)
    return kind.override(profile)


def cannot_parse(profile: ColumnProfile, name: str) -> DataError:
    """The error of a column whose cells are not of the kind that the caller says."""
    examples = profile.values[:3].tolist() if profile.is_plain else [type(cell).__name__ for cell in profile.cells[:1]]
    listed = ", ".join(repr(str(example)[:40]) for example in examples)
    return DataError(
        f"Column {profile.name!r} cannot be read as {name}, as {spelled('column_kinds')} says: it holds {listed}."
    )
