"""From the kinds of a table's columns to inputs, heads and the view that feeds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medley.auto.table.targets import target_as
from medley.core.column import TaskGuess
from medley.core.head import Head
from medley.core.input import Input, InputColumns, TableOptions
from medley.core.registry import declared, name_of
from medley.errors import ConfigError, DataError, ErrorCollector, MedleyError, did_you_mean, spelled
from medley.tables.answer_forms import AnswerForm, check_answer_names
from medley.tables.columns.infer import infer
from medley.tables.columns.kind import SET_BY_CALLER
from medley.tables.columns.profile import profile_of
from medley.tables.columns.schema import Schema, check_kinds
from medley.tables.columns.targets import infer_target_from_profile, target_heads
from medley.tables.reading.read import Table
from medley.tables.view import Feed, TableView


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
    roles: Mapping[str, str] | None = None,
    on_bad_file: str = "warn",
    errors: ErrorCollector | None = None,
    labels: Table | None = None,
) -> Plan:
    """Infers what columns hold and which heads targets need.

    Args:
        table: rows.
        targets: a column, several, or a dict from column to its head.
        inputs: the columns to learn from; all that are no targets and have no role, if left out.
        column_kinds: column -> kind, where the caller knows better; of a target also "ordered".
        roles: argument -> column that says something about rows ("group", "split", "sample_weight"; these are not
            learnt from) or orders them ("time").
        on_bad_file: what to do with files that cannot be read.
        errors: what is known to be wrong with the call, to be told with what is found here.
        labels: the targets' columns of all rows, where `table` is a sample of them.

    Raises:
        ConfigError: columns or kinds that are not there (all are reported), or nothing to learn from.
        DataError: a column cannot be what it is said to be.
    """
    roles, errors = roles or {}, errors or ErrorCollector()
    named, own = _targets(targets, errors)
    inputs = [inputs] if isinstance(inputs, str) else inputs if inputs is None else list(map(str, inputs))
    if column_kinds is not None and not isinstance(column_kinds, Mapping):
        message = f'must be a dict from column to kind, {{"age": "number"}}, got {column_kinds!r}.'
        errors.add(message, argument="column_kinds")
        errors.raise_if_any(ConfigError)
    columns = list(table.frame.columns)
    rule = _check_columns(columns, named, inputs, roles, errors)
    tasks, schema = _guesses(table, labels or table, named, {**_kinds(own), **(column_kinds or {})}, errors)
    sets = [name for name, task in tasks.items() if task.cells.kind == "set"]
    check_answer_names({name: task.labels or None for name, task in tasks.items()}, sets, errors)
    errors.raise_if_any(rule)
    tasks = {name: replace(task, reason=SET_BY_CALLER) if own.get(name) else task for name, task in tasks.items()}
    schema = Schema(tasks[one.name].cells if one.name in tasks else one for one in schema.values())
    aside = {name for word, name in roles.items() if word != "time"}
    learnt = [name for name in dict.fromkeys(inputs or columns) if name not in named and name not in aside]
    used, left_out = _used(schema, learnt, chosen=inputs is not None)
    made, unclaimed = _claimed(schema, used, TableOptions((*columns, *named), on_bad_file))
    left_out |= unclaimed
    if not made:
        if not left_out:
            raise ConfigError("No column is left to learn from: all are targets, or say something of the rows.")
        told = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise ConfigError(f"No column is left to learn from ({told}). Override a guess with {spelled('column_kinds')}.")
    feeds = [Feed(str(one.input.name), one.columns, str(name_of(type(one.input)))) for one in made]
    heads = [own.get(name) or _head(tasks[name], name) for name in named]
    heads = [head if head.name else _renamed(head, name) for head, name in zip(heads, named, strict=True)]
    rows: Any = (labels or table).frame
    forms = {name: AnswerForm.of(rows[name], task.cells) for name, task in tasks.items()}
    view = TableView(schema, feeds, {str(head.name): name for head, name in zip(heads, named, strict=True)}, forms)
    return Plan(view, [one.input for one in made], heads, tasks, left_out)


def check_names(
    columns: Sequence[str],
    targets: Any,
    inputs: Sequence[str] | None,
    column_kinds: Mapping[str, str] | None,
    roles: Mapping[str, str],
    errors: ErrorCollector,
) -> None:
    """Makes sure of what can be told by a table's columns alone, before all of a large one is read.

    Raises:
        ConfigError: columns or kinds that are not there, and all of `errors`.
    """
    named, _ = _targets(targets, errors)
    _check_columns(columns, named, [inputs] if isinstance(inputs, str) else inputs, roles, errors)
    if isinstance(column_kinds, Mapping):
        check_kinds({name: kind for name, kind in column_kinds.items() if name not in named}, columns, errors)
    errors.raise_if_any(ConfigError)


def _targets(targets: Any, errors: ErrorCollector) -> tuple[list[str], dict[str, Head]]:
    """The targets' columns, and the caller's own heads of some of them."""
    if isinstance(targets, str | int):  # columns that nobody named are counted
        return [str(targets)], {}
    if not isinstance(targets, Iterable):
        message = f"must be a column's name, a list of names, or a dict name -> head, got {targets!r}."
        errors.add(message, argument="targets")
        errors.raise_if_any(ConfigError)
    for name, head in targets.items() if isinstance(targets, Mapping) else ():
        if head is not None and not isinstance(head, Head):  # None: as guessed
            way = f'to say its kind, name it in targets and give column_kinds={{{name!r}: "number"}}'
            errors.add(f"gives {name!r} no head such as RegressionHead(), but {head!r}; {way}.", argument="targets")
    if isinstance(targets, Mapping):
        errors.raise_if_any(ConfigError)
        return list(map(str, targets)), {str(name): head for name, head in targets.items()}
    return list(dict.fromkeys(map(str, targets))), {}


def _check_columns(
    columns: Sequence[str],
    named: Sequence[str],
    inputs: Sequence[str] | None,
    roles: Mapping[str, str],
    errors: ErrorCollector,
) -> type[MedleyError]:
    """Notes what is wrong with the names; returns the error to tell all errors by."""
    if not named:
        errors.add("is empty; name at least one column to predict.", argument="targets")
    given = {"targets": named, "inputs": inputs or (), **{word: [name] for word, name in roles.items()}}
    for what, names in given.items():
        for name in names:
            if name not in columns:
                errors.add(f"names {name!r}, which is no column.{did_you_mean(name, columns)}", argument=what)
            elif what != "targets" and name in named:
                errors.add(f"names {name!r}, which is a target.", argument=what)
    return ConfigError if errors.errors else DataError


def _kinds(own: Mapping[str, Head]) -> dict[str, str]:
    """What the caller's heads say of their columns, where it is not for the cells to say."""
    kinds = {name: head.target_kind() for name, head in own.items() if head is not None}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _guesses(
    table: Table, labels: Table, named: Sequence[str], kinds: Mapping[str, str], errors: ErrorCollector
) -> tuple[dict[str, TaskGuess], Schema]:
    """What targets and other columns are; notes what cannot be what it is said to be."""
    tasks, schema = {}, Schema([])
    for name in (name for name in named if name in table.frame.columns):
        try:
            tasks[name] = (
                target_as(labels, name, str(kinds[name]))
                if name in kinds
                else infer_target_from_profile(profile_of(labels, name))
            )
        except MedleyError as error:
            errors.collect(error)
    try:
        schema = infer(table, {name: kind for name, kind in kinds.items() if name not in named})
    except DataError as error:
        errors.collect(error)
    return tasks, schema


def _used(schema: Schema, columns: Sequence[str], *, chosen: bool) -> tuple[list[str], dict[str, str]]:
    used, left_out = [], {}
    for name in columns:
        guess = schema[name]
        if guess.is_used:
            used.append(name)
        else:
            left_out[name] = f"{guess.kind}: {guess.reason}" + (" (asked for by name)" if chosen else "")
    return used, left_out


def _claimed(schema: Schema, used: Sequence[str], options: TableOptions) -> tuple[list[InputColumns], dict[str, str]]:
    """Inputs for the columns, in the order in which inputs claim them; and the columns that no input takes."""
    classes = [cls for cls in declared(Input).values() if cls.claim_rank is not None]
    left, made = list(used), []
    for cls in sorted(classes, key=lambda cls: (cls.claim_rank, cls.__name__)):
        columns = [schema[name] for name in left if schema[name].kind in cls.kinds]
        claims = cls.from_columns(columns, options) if columns else ()
        for claim in claims:
            made.append(claim)
            options = replace(options, names=(*options.names, str(claim.input.name)))
            left = [name for name in left if name not in claim.columns]
    reasons = {name: f"{schema[name].kind}: {schema[name].reason}; no input takes such columns" for name in left}
    return made, reasons


def _head(task: TaskGuess, name: str) -> Head:
    head = next(head for head in target_heads() if task.kind in head.task_kinds)
    return head.for_task(task, name)


def _renamed(head: Head, name: str) -> Head:
    return replace(head, name=name)
