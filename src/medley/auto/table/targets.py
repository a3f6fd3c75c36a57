"""Targets of a kind that the caller says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from medley.core.column import ColumnGuess, TaskGuess, TaskKind
from medley.errors import ConfigError, DataError, did_you_mean
from medley.tables.columns.cells import read_cells
from medley.tables.columns.infer import infer
from medley.tables.columns.schema import SAID
from medley.tables.columns.targets import infer_target
from medley.tables.reading.read import Table

_TASKS: dict[str, TaskKind] = {
    "number": "number",
    "category": "multiclass",
    "boolean": "binary",
    "set": "multilabel",
    "vector": "number",
    "ordered": "ordered",
}
_MOST_SHOWN = 5
_SAME = {"number": ("number",), "category": ("binary", "multiclass"), "boolean": ("binary",), "set": ("multilabel",)}
"""Guesses that are what the caller says: how their cells are read is known better."""


def target_as(table: Table, name: str, kind: str) -> TaskGuess:
    """A target's task where the caller says its kind.

    Args:
        table: rows.
        name: the target's column.
        kind: "number", "category", "boolean", "set", "vector"; "ordered" for classes in the order of their values, or
            the order itself: "small < medium < large".

    Raises:
        ConfigError: nothing predicts this kind, or the order lacks a class.
        DataError: the column cannot be of it, or holds less than two values.

    >>> from medley.tables.reading.read import read
    >>> stars = read({"stars": [1, 2, 5, 5, 2, 1]})
    >>> [target_as(stars, "stars", kind).kind for kind in ("number", "category", "ordered")]
    ['number', 'multiclass', 'ordered']
    """
    if "<" in kind:
        return _in_order(table, name, [one.strip() for one in kind.split("<")])
    word = kind.lower()
    if word not in _TASKS:
        told = did_you_mean(kind, _TASKS)
        raise ConfigError(f"column_kinds: {kind!r}, given for the target {name!r}, cannot be predicted.{told}")
    guess = _guessed(table, name)
    if guess is not None and guess.kind in _SAME.get(word, (word,)):
        return guess
    column: Any = table.frame[name]
    cells = infer(column.to_frame(), {name: "category" if word == "ordered" else word})[name]
    if word in ("number", "set", "vector"):
        outputs = int(cells.form) if word == "vector" else cells.distinct if word == "set" else 1
        return TaskGuess(name, _TASKS[word], SAID, 1.0, cells.missing, outputs, (), cells)
    return _classes(name, cells, read_cells(column, cells).values, ordered=word == "ordered")


def _in_order(table: Table, name: str, words: list[str]) -> TaskGuess:
    guess = target_as(table, name, "ordered")
    labels = {str(label): label for label in guess.labels}
    lacking = [word for word in labels if word not in words]
    if lacking:
        told = f"the order {' < '.join(words)} of {name!r} lacks {', '.join(map(repr, lacking))}"
        raise ConfigError(f"column_kinds: {told}, which its rows hold.")
    order = tuple(labels[word] for word in words if word in labels)
    return replace(guess, kind="ordered", labels=order, why=SAID)


def _classes(name: str, cells: ColumnGuess, values: np.ndarray, *, ordered: bool) -> TaskGuess:
    known: set[Any] = {value for value in values.tolist() if value is not None}
    if len(known) < 2:
        raise DataError(f"The target {name!r} holds less than two values: there is nothing to tell apart.")
    labels = sorted(known, key=None if len(set(map(type, known))) == 1 else str)
    task: TaskKind = "binary" if len(labels) == 2 else "ordered" if ordered else "multiclass"
    why = SAID
    if task == "ordered" and isinstance(labels[0], str):
        shown = " < ".join(labels[:_MOST_SHOWN]) + (" < ..." if len(labels) > _MOST_SHOWN else "")
        why = f"{SAID}; words are in alphabetical order: {shown}. Give another order in place of 'ordered'"
    return TaskGuess(name, task, why, 1.0, cells.missing, len(labels), tuple(labels), replace(cells, why=SAID))


def _guessed(table: Table, name: str) -> TaskGuess | None:
    try:
        return infer_target(table.frame[name], name)
    except DataError:  # it is for the caller to say then
        return None
