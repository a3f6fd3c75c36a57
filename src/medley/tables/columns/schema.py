"""The schema of a table: a guess of the kind of each column, which the caller may override."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Self

from medley.core.column import ColumnGuess
from medley.core.registry import operation
from medley.core.rules import Fields, Flag, Items, Maybe, Real, StateRules, Text, Whole, require
from medley.errors import ConfigError, ErrorCollector, did_you_mean
from medley.tables.columns.kind import SET_BY_CALLER, kind_named, kind_names


class Schema(Mapping[str, ColumnGuess]):
    """Column name -> guess, in the order of the columns.

    >>> age = ColumnGuess("age", "number", "its cells are numbers", 0.98, 0.0, 2, ("3", "5"), "a number")
    >>> schema = Schema([age]).override({"age": "category"})
    >>> schema["age"].kind, schema["age"].confidence, Schema.restore(schema.state()) == schema
    ('category', 1.0, True)
    """

    def __init__(self, guesses: Iterable[ColumnGuess]) -> None:
        self._guesses = {guess.name: guess for guess in guesses}

    def __getitem__(self, name: str) -> ColumnGuess:
        return self._guesses[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._guesses)

    def __len__(self) -> int:
        return len(self._guesses)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and list(self.values()) == list(other.values())

    def __repr__(self) -> str:
        return f"Schema({', '.join(f'{guess.name}: {guess.kind}' for guess in self.values())})"

    def _repr_html_(self) -> str:
        return operation("report.notebook")(self)

    @property
    def used(self) -> list[str]:
        """The columns that a network learns from."""
        return [guess.name for guess in self.values() if guess.is_used]

    def of(self, *kinds: str) -> list[str]:
        """The columns of these kinds."""
        return [guess.name for guess in self.values() if guess.kind in kinds]

    def without(self, names: Iterable[str]) -> Schema:
        """A schema without some columns: the targets, say."""
        excluded = set(names)
        return Schema(guess for guess in self.values() if guess.name not in excluded)

    def override(self, column_kinds: Mapping[str, str]) -> Schema:
        """A schema in which the caller sets the kinds of some columns.

        How the cells are written is inferred again when they are read; `infer.infer` with `overrides` does that at
        once, and reports columns that cannot be parsed as the kind that was set.

        Raises:
            ConfigError: a column or a kind is unknown (all are reported).
        """
        errors = ErrorCollector()
        kinds = check_kinds(column_kinds, self, errors)
        errors.raise_if_any(ConfigError)
        return Schema(
            _overridden(guess, kinds[guess.name]) if guess.name in kinds else guess for guess in self.values()
        )

    def state(self) -> list[dict[str, Any]]:
        """The schema as JSON values."""
        return [
            {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(guess).items()}
            for guess in self.values()
        ]

    @classmethod
    def restore(cls, state: Iterable[Mapping[str, Any]]) -> Self:
        """The inverse of `state`.

        Raises:
            ArtifactError: it is the state of no schema.
            ConfigError: a kind of column is not registered.
        """
        guesses = StateRules(schema=Items(_GUESS)).read({"schema": state})["schema"]
        require(len({guess.name for guess in guesses}) == len(guesses), "No two columns may have the same name.")
        for guess in guesses:
            is_form = re.fullmatch(kind_named(guess.kind).forms, guess.form)
            require(is_form, f"Column {guess.name!r} is of the kind {guess.kind!r}, which has no form {guess.form!r}.")
        return cls(guesses)


def _guess(examples: list[str], missing_values: list[Any] | None = None, **fields: Any) -> ColumnGuess:
    markers = None if missing_values is None else tuple(missing_values)
    return ColumnGuess(**fields, missing_values=markers, examples=tuple(examples))


_GUESS = Fields(
    {
        "name": Text(),
        "kind": Text(),
        "reason": Text(),
        "confidence": Real(0.0, 1.0),
        "missing": Real(0.0, 1.0),
        "distinct": Whole(),
        "examples": Items(Text()),
        "description": Text(),
        "form": Text(),
        "is_used": Flag(),
        "missing_values": Maybe(Items(Text())),
    },
    optional=frozenset({"missing_values"}),
    make=_guess,
)


def check_kinds(column_kinds: Mapping[str, str], columns: Iterable[str], errors: ErrorCollector) -> dict[str, str]:
    """Column -> kind as set by the caller; unknown columns and kinds are added to `errors`.

    >>> check_kinds({"age": "number"}, ["age", "sex"], ErrorCollector())
    {'age': 'number'}
    """
    names, kinds = list(columns), {}
    for name, kind in column_kinds.items():
        if name not in names:
            errors.add(f"names {name!r}, which is not a column.{did_you_mean(name, names)}", argument="column_kinds")
        if str(kind).lower() in kind_names():
            kinds[name] = str(kind).lower()
        else:
            hint = did_you_mean(kind, kind_names())
            errors.add(f"names the kind {kind!r} for {name!r}, which is not a kind.{hint}", argument="column_kinds")
    return kinds


def _overridden(guess: ColumnGuess, name: str) -> ColumnGuess:
    kind = kind_named(name)
    form = guess.form if name == guess.kind else ""
    description = kind.describe(form, guess.distinct)
    return replace(
        guess,
        kind=name,
        reason=SET_BY_CALLER,
        confidence=1.0,
        form=form,
        description=description,
        is_used=kind.is_used,
        missing_values=guess.missing_values if name == guess.kind else None,
    )
