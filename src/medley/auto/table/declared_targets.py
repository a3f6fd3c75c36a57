"""Targets whose kind is set by the caller."""

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

_MAX_LISTED = 5


def declared_target(table: Table, name: str, kind: str, missing_values: MissingValueSpec | None = None) -> TaskGuess:
    """The task of a target whose kind is set by the caller.

    Args:
        table: rows.
        name: the target's column.
        kind: "number", "category", "boolean", "set", "vector"; "ordered" for classes in the order of their values, or
            the order itself: "small < medium < large".
        missing_values: what the caller sets to be missing.

    Raises:
        ConfigError: no head predicts this kind, or a class is missing in the order.
        DataError: the cells are not of this kind, or there are fewer than two classes.

    >>> from medley.tables.reading.read import read
    >>> stars = read({"stars": [1, 2, 5, 5, 2, 1]})
    >>> [declared_target(stars, "stars", kind).kind for kind in ("number", "category", "ordered")]
    ['number', 'multiclass', 'ordered']
    """
    if "<" in kind:
        return _ordered_task(table, name, [label.strip() for label in kind.split("<")], missing_values)
    target_kinds = {name: target_kind for head in target_heads() for name, target_kind in head.target_kinds.items()}
    if kind.lower() not in target_kinds:
        hint = did_you_mean(kind, target_kinds)
        message = f"names the kind {kind!r} for the target {name!r}, which cannot be predicted.{hint}"
        raise ConfigError(message, argument="column_kinds")
    target_kind = target_kinds[kind.lower()]
    guess = _infer_target(table, name, missing_values)
    if guess is not None and guess.kind in target_kind.tasks:
        return guess
    column = replace(table, frame=table.frame[[name]])
    cells = infer(column, {name: target_kind.cells}, missing_values=missing_values)[name]
    if cells.missing == 1:
        raise DataError(f"The target {name!r} is missing in all {len(table):,} rows: there is nothing to learn.")
    if target_kind.has_classes:
        return _class_task(name, cells, table_cells(table, cells).values, target_kind.task)
    outputs = int(cells.form) if target_kind.cells == "vector" else cells.distinct if target_kind.cells == "set" else 1
    return TaskGuess(name, target_kind.task, SET_BY_CALLER, 1.0, cells.missing, outputs, (), cells)


def _ordered_task(table: Table, name: str, order: list[str], missing_values: MissingValueSpec | None) -> TaskGuess:
    guess = declared_target(table, name, "ordered", missing_values)
    labels = {str(label): label for label in guess.labels}
    missing = [label for label in labels if label not in order]
    if missing:
        message = f"orders {name!r} as {' < '.join(order)}, but its cells also contain {', '.join(map(repr, missing))}."
        raise ConfigError(message, argument="column_kinds")
    ordered = tuple(labels[label] for label in order if label in labels)
    return replace(guess, kind="ordered", labels=ordered, reason=SET_BY_CALLER)


def _class_task(name: str, cells: ColumnGuess, values: np.ndarray, task: str) -> TaskGuess:
    distinct: set[Any] = {value for value in values.tolist() if value is not None}
    if len(distinct) < 2:
        raise DataError(f"The target {name!r} has fewer than two distinct values: there is nothing to predict.")
    labels = sorted(distinct, key=None if len(set(map(type, distinct))) == 1 else str)
    task = "binary" if len(labels) == 2 else "multiclass" if task == "binary" else task
    reason = SET_BY_CALLER
    if task == "ordered" and isinstance(labels[0], str):
        order = " < ".join(labels[:_MAX_LISTED]) + (" < ..." if len(labels) > _MAX_LISTED else "")
        reason = f"{SET_BY_CALLER}; strings are in alphabetical order: {order}. Use another order instead of 'ordered'"
    return TaskGuess(
        name, task, reason, 1.0, cells.missing, len(labels), tuple(labels), replace(cells, reason=SET_BY_CALLER)
    )


def _infer_target(table: Table, name: str, missing_values: MissingValueSpec | None) -> TaskGuess | None:
    try:
        return infer_target_from_profile(profile_of(table, name), missing_values)
    except DataError:  # the kind that is set may still be possible
        return None
