"""What each column of a table holds: a guess with its reason and confidence, which the caller may overrule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Self

from medley.core.column import ColumnGuess
from medley.errors import ConfigError, ErrorCollector, did_you_mean
from medley.tables.columns.kind import SAID, kind_named, kind_names


class Schema(Mapping[str, ColumnGuess]):
    """Column name -> guess, in the order of the columns.

    >>> age = ColumnGuess("age", "number", "its cells are numbers", 0.98, 0.0, 2, ("3", "5"), "a number")
    >>> schema = Schema([age]).override({"age": "category"})
    >>> schema["age"].kind, schema["age"].confidence, Schema.restore(schema.state()) == schema
    ('category', 1.0, True)
    """

    def __init__(self, guesses: Iterable[ColumnGuess]) -> None:
        self._guesses = {one.name: one for one in guesses}

    def __getitem__(self, name: str) -> ColumnGuess:
        return self._guesses[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._guesses)

    def __len__(self) -> int:
        return len(self._guesses)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and list(self.values()) == list(other.values())

    def __repr__(self) -> str:
        return f"Schema({', '.join(f'{one.name}: {one.kind}' for one in self.values())})"

    @property
    def used(self) -> list[str]:
        """The columns that a network learns from."""
        return [one.name for one in self.values() if one.is_used]

    def of(self, *kinds: str) -> list[str]:
        """The columns of some kinds."""
        return [one.name for one in self.values() if one.kind in kinds]

    def without(self, names: Iterable[str]) -> Schema:
        """The same without some columns: the targets, say."""
        left_out = set(names)
        return Schema(one for one in self.values() if one.name not in left_out)

    def override(self, column_kinds: Mapping[str, str]) -> Schema:
        """The same with kinds that the caller knows better.

        How the cells are written is found out anew when they are read; `infer.infer` with `overrides` does that at
        once, and tells where a column cannot be what it is said to be.

        Raises:
            ConfigError: a column or a kind is unknown (all are reported).
        """
        errors = ErrorCollector()
        kinds = known_kinds(column_kinds, self, errors)
        errors.raise_if_any(ConfigError)
        return Schema(_overridden(one, kinds[one.name]) if one.name in kinds else one for one in self.values())

    def state(self) -> list[dict[str, Any]]:
        """JSON values."""
        return [{**asdict(one), "examples": list(one.examples)} for one in self.values()]

    @classmethod
    def restore(cls, state: Iterable[Mapping[str, Any]]) -> Self:
        """The inverse of `state`."""
        return cls(ColumnGuess(**{**one, "examples": tuple(one["examples"])}) for one in state)


def known_kinds(column_kinds: Mapping[str, str], columns: Iterable[str], errors: ErrorCollector) -> dict[str, str]:
    """Column -> kind, as the caller says; notes columns and kinds that are unknown in `errors`.

    >>> known_kinds({"age": "number"}, ["age", "sex"], ErrorCollector())
    {'age': 'number'}
    """
    names, found = list(columns), {}
    for name, kind in column_kinds.items():
        if name not in names:
            errors.add(f"names {name!r}, which is no column.{did_you_mean(name, names)}", argument="column_kinds")
        if str(kind).lower() in kind_names():
            found[name] = str(kind).lower()
        else:
            hint = did_you_mean(kind, kind_names())
            errors.add(f"names the kind {kind!r} for {name!r}, which is no kind.{hint}", argument="column_kinds")
    return found


def _overridden(guess: ColumnGuess, name: str) -> ColumnGuess:
    kind = kind_named(name)
    form = guess.form if name == guess.kind else ""
    description = kind.describe(form, guess.distinct)
    return replace(
        guess, kind=name, reason=SAID, confidence=1.0, form=form, description=description, is_used=kind.is_used
    )
