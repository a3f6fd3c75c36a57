"""Targets of a kind that the caller says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from medley.core.column import ColumnGuess, TaskGuess
from medley.errors import ConfigError, DataError, did_you_mean
from medley.tables.columns.cells import table_cells
from medley.tables.columns.infer import infer
from medley.tables.columns.kind import SET_BY_CALLER
from medley.tables.columns.missing import MissingValueSpec
from medley.tables.columns.profile import profile_of
from medley.tables.columns.targets import infer_target_from_profile, target_heads
from medley.tables.reading.read import Table

_MOST_SHOWN = 5


def target_as(table: Table, name: str, kind: str, missing_values: MissingValueSpec | None = None) -> TaskGuess:
    """A target's task where the caller says its kind.

    Args:
        table: rows.
        name: the target's column.
        kind: "number", "category", "boolean", "set", "vector"; "ordered" for classes in the order of their values, or
            the order itself: "small < medium < large".
        missing_values: what the caller sets to be missing.

    Raises:
        ConfigError: nothing predicts this kind, or the order lacks a class.
        DataError: the column cannot be of it, or holds less than two values.

    >>> from medley.tables.reading.read import read
    >>> stars = read({"stars": [1, 2, 5, 5, 2, 1]})
    >>> [target_as(stars, "stars", kind).kind for kind in ("number", "category", "ordered")]
    ['number', 'multiclass', 'ordered']
    """
    if "<" in kind:
        return _in_order(table, name, [one.strip() for one in kind.split("<")], missing_values)
    word = kind.lower()
    words = {word: target_kind for head in target_heads() for word, target_kind in head.target_kinds.items()}
    if word not in words:
        hint = did_you_mean(kind, words)
        message = f"names the kind {kind!r} for the target {name!r}, which cannot be predicted.{hint}"
        raise ConfigError(message, argument="column_kinds")
    target_kind = words[word]
    guess = _inferred(table, name, missing_values)
    if guess is not None and guess.kind in target_kind.tasks:
        return guess
    only = replace(table, frame=table.frame[[name]])
    cells = infer(only, {name: target_kind.cells}, missing_values=missing_values)[name]
    if target_kind.has_classes:
        return _classes(name, cells, table_cells(table, cells).values, target_kind.task)
    outputs = int(cells.form) if target_kind.cells == "vector" else cells.distinct if target_kind.cells == "set" else 1
    return TaskGuess(name, target_kind.task, SET_BY_CALLER, 1.0, cells.missing, outputs, (), cells)


def _in_order(table: Table, name: str, words: list[str], missing_values: MissingValueSpec | None) -> TaskGuess:
    guess = target_as(table, name, "ordered", missing_values)
    labels = {str(label): label for label in guess.labels}
    lacking = [word for word in labels if word not in words]
    if lacking:
        told = f"the order {' < '.join(words)} of {name!r} lacks {', '.join(map(repr, lacking))}"
        raise ConfigError(f"orders classes, but {told}, which its rows hold.", argument="column_kinds")
    order = tuple(labels[word] for word in words if word in labels)
    return replace(guess, kind="ordered", labels=order, reason=SET_BY_CALLER)


def _classes(name: str, cells: ColumnGuess, values: np.ndarray, task: str) -> TaskGuess:
    known: set[Any] = {value for value in values.tolist() if value is not None}
    if len(known) < 2:
        raise DataError(f"The target {name!r} holds less than two values: there is nothing to predict.")
    labels = sorted(known, key=None if len(set(map(type, known))) == 1 else str)
    task = "binary" if len(labels) == 2 else "multiclass" if task == "binary" else task
    reason = SET_BY_CALLER
    if task == "ordered" and isinstance(labels[0], str):
        listed = " < ".join(labels[:_MOST_SHOWN]) + (" < ..." if len(labels) > _MOST_SHOWN else "")
        reason = f"{SET_BY_CALLER}; words are in alphabetical order: {listed}. Give another order in place of 'ordered'"
    return TaskGuess(
        name, task, reason, 1.0, cells.missing, len(labels), tuple(labels), replace(cells, reason=SET_BY_CALLER)
    )


def _inferred(table: Table, name: str, missing_values: MissingValueSpec | None) -> TaskGuess | None:
    try:
        return infer_target_from_profile(profile_of(table, name), missing_values)
    except DataError:  # the caller's word decides then
        return None
