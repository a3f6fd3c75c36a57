"""From the kinds of a table's columns to inputs, heads and the view that feeds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medley.core.block import Head, Input
from medley.core.kinds import Kind
from medley.core.registry import lookup
from medley.data.infer import infer
from medley.data.schema import Schema
from medley.data.source import Table
from medley.data.targets import TaskGuess, infer_target
from medley.errors import ConfigError, DataError, Mistakes, did_you_mean
from medley.model.table import Feed, TableView

FACTS = "facts"
"""The name of the input that holds all plain columns."""

_PLAIN = (Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN, Kind.TIME)
_ORDERED = "ordered"


@dataclass(frozen=True)
class Plan:
    """What a table becomes.

    Args:
        view: feeds inputs, names targets.
        inputs: in the order of the view's feeds.
        heads: in the order of the view's targets.
        tasks: target column -> what it was taken for.
        left_out: columns that no input reads, each with its reason.
    """

    view: TableView
    inputs: list[Input]
    heads: list[Head]
    tasks: dict[str, TaskGuess]
    left_out: dict[str, str]


def plan_table(
    table: Table,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, str] | None = None,
    apart: Sequence[str] = (),
    on_bad_image: str = "warn",
) -> Plan:
    """Infers what columns hold and which heads targets need.

    Args:
        table: rows.
        targets: a column, several, or a dict from column to its head.
        inputs: the columns to learn from; all that are neither targets nor `apart`, if left out.
        column_kinds: column -> kind, where the caller knows better.
        apart: columns that say something about rows (group, split, weight) and are not learnt from.
        on_bad_image: what to do with pictures that cannot be read.

    Raises:
        ConfigError: columns or kinds that are not there (all are told), or nothing to learn from.
        DataError: a column cannot be what it is said to be.
    """
    columns = list(table.frame.columns)
    own = dict(targets) if isinstance(targets, Mapping) else {}
    named = [targets] if isinstance(targets, str) else list(targets)
    _check_columns(columns, named, inputs, column_kinds)
    tasks = _tasks(table, named)
    schema = infer(table, {name: kind for name, kind in (column_kinds or {}).items() if name not in named})
    schema = Schema(tasks[one.name].cells if one.name in tasks else one for one in schema.values())
    learnt = [name for name in (inputs or columns) if name not in named and name not in apart]
    used, left_out = _used(schema, learnt, chosen=inputs is not None)
    if not used:
        told = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise ConfigError(f"No column is left to learn from ({told}). Overrule a guess with column_kinds.")
    feeds = _feeds(schema, used, taken=named)
    heads = [own.get(name) or _head(tasks[name].kind, name) for name in named]
    heads = [head if head.name else _renamed(head, name) for head, name in zip(heads, named, strict=True)]
    view = TableView(schema, feeds, {str(head.name): name for head, name in zip(heads, named, strict=True)})
    return Plan(view, [_input(feed, on_bad_image) for feed in feeds], heads, tasks, left_out)


def _tasks(table: Table, named: Sequence[str]) -> dict[str, TaskGuess]:
    mistakes, tasks = Mistakes(), {}
    for name in named:
        try:
            tasks[name] = infer_target(table.frame[name], name)
        except DataError as error:
            mistakes.add(str(error))
    mistakes.stop(DataError)
    return tasks


def _check_columns(
    columns: list[str], named: list[str], inputs: Sequence[str] | None, kinds: Mapping[str, str] | None
) -> None:
    mistakes = Mistakes()
    if not named:
        mistakes.add("targets is empty; name at least one column to predict.")
    for what, names in (("targets", named), ("inputs", inputs or ()), ("column_kinds", kinds or ())):
        for name in names:
            if name not in columns:
                mistakes.add(f"{what} names {name!r}, which is no column.{did_you_mean(name, columns)}")
    for name in inputs or ():
        if name in named:
            mistakes.add(f"{name!r} is both an input and a target.")
    mistakes.stop(ConfigError)


def _used(schema: Schema, learnt: Sequence[str], *, chosen: bool) -> tuple[list[str], dict[str, str]]:
    used, left_out = [], {}
    for name in learnt:
        guess = schema[name]
        if guess.is_used:
            used.append(name)
        else:
            left_out[name] = f"{guess.kind}: {guess.why}" + (" (asked for by name)" if chosen else "")
    return used, left_out


def _feeds(schema: Schema, used: Sequence[str], taken: Sequence[str]) -> list[Feed]:
    feeds = []
    plain = tuple(name for name in used if schema[name].kind in _PLAIN)
    if plain:
        feeds.append(Feed(_free(FACTS, [*used, *taken]), plain, "table"))
    pictures = tuple(name for name in used if schema[name].kind is Kind.IMAGE)
    if len(pictures) > 1 or (pictures and schema[pictures[0]].form == "several"):
        name = pictures[0] if len(pictures) == 1 else _free("pictures", [*used, *taken])
        feeds.append(Feed(name, pictures, "images"))
    elif pictures:
        feeds.append(Feed(pictures[0], pictures, "image"))
    forms = {Kind.TEXT: "text", Kind.VECTOR: "vector", Kind.SET: "set"}
    feeds += [Feed(name, (name,), forms[schema[name].kind]) for name in used if schema[name].kind in forms]
    return feeds


def _free(word: str, taken: Sequence[str]) -> str:
    while word in taken:
        word += "_"
    return word


def _input(feed: Feed, on_bad_image: str) -> Input:
    match feed.form:
        case "table":
            return lookup("tabular.input")(name=feed.name)
        case "text" | "set":
            return lookup("text.input")(name=feed.name)
        case "image":
            return lookup("image.input")(name=feed.name, on_bad_image=on_bad_image)
        case "images":
            return lookup("image.set_input")(name=feed.name, on_bad_image=on_bad_image)
    return lookup("series.input")(name=feed.name)


def _head(task: str, name: str) -> Head:
    if task == "number":
        return lookup("heads.regression")(name=name)
    if task == _ORDERED:
        return lookup("heads.ordered")(name=name)
    return lookup("heads.classification")(name=name, multi_label=task == "multilabel")


def _renamed(head: Head, name: str) -> Head:
    from dataclasses import replace

    return replace(head, name=name)
