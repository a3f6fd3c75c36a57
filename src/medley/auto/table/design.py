"""Designs a model for a table: infers the kinds of columns, and chooses inputs and heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medley.auto.table.declared_targets import declared_target
from medley.auto.table.dense_targets import settle_dense_targets
from medley.core.block import DataSummary
from medley.core.column import TaskGuess
from medley.core.head import Head
from medley.core.input import InputBlock, InputColumns, TableOptions
from medley.core.registry import declared, name_of
from medley.errors import ConfigError, DataError, ErrorCollector, MedleyError, did_you_mean, spelled
from medley.tables.answer_forms import AnswerForm, check_answer_names
from medley.tables.columns.cells import guessed_profile
from medley.tables.columns.infer import infer
from medley.tables.columns.kind import SET_BY_CALLER
from medley.tables.columns.missing import MissingValueSpec, describe_missing
from medley.tables.columns.profile import profile_of
from medley.tables.columns.schema import Schema, check_kinds
from medley.tables.columns.targets import infer_target_from_profile, target_heads
from medley.tables.reading.read import Table
from medley.tables.view import InputFeed, TableView

Role = str | Mapping[str, str]
"""The column of a role, or a dict from target to such a column."""


def role_columns(role: Role | None) -> list[str]:
    """The columns of a role."""
    if role is None:
        return []
    return list(role.values()) if isinstance(role, Mapping) else [role]


@dataclass(frozen=True)
class TableDesign:
    """The inputs and heads of a model for a table.

    Args:
        view: how the inputs and targets are read from the table.
        inputs: in the order of the view's feeds.
        heads: in the order of the view's targets.
        tasks: target column -> its task.
        left_out: columns that no input reads, each with its reason.
        rows: number of rows of the table, before they are split.
        missing: columns in which strings count as missing, each with a phrase that names them.
    """

    view: TableView
    inputs: list[InputBlock]
    heads: list[Head]
    tasks: dict[str, TaskGuess]
    left_out: dict[str, str]
    rows: int
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> DataSummary:
        """What the network of the table may depend on, besides the kinds of its columns."""
        return DataSummary(self.rows, len(self.inputs))


def design_model(
    table: Table,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, str] | None = None,
    roles: Mapping[str, Role] | None = None,
    on_bad_file: str = "warn",
    errors: ErrorCollector | None = None,
    labels: Table | None = None,
    missing_values: Any = None,
) -> TableDesign:
    """Infers the kinds of columns and the tasks of targets, and chooses inputs and heads.

    Args:
        table: rows.
        targets: a column, several columns, or a dict from column to its head.
        inputs: the columns to learn from; default: all columns without another role.
        column_kinds: column -> kind that overrides the inferred one; for targets also "ordered".
        roles: argument -> column that determines the split or the weights ("group", "split", "sample_weight"; these are
            not inputs), or the order of rows ("time"); weights also by target, a dict from target to column.
        on_bad_file: what to do with files that cannot be read.
        errors: earlier errors of the call, which are reported with those found here.
        labels: the target columns of all rows, if `table` is a sample of rows.
        missing_values: what the caller sets to be missing, as in `infer`.

    Raises:
        ConfigError: columns or kinds do not exist (all are reported), or no column is left to learn from.
        DataError: a column cannot have the kind that is set for it.
    """
    roles, errors = roles or {}, errors or ErrorCollector()
    target_names, custom_heads = _read_targets(targets, errors)
    inputs = [inputs] if isinstance(inputs, str) else inputs if inputs is None else list(map(str, inputs))
    if column_kinds is not None and not isinstance(column_kinds, Mapping):
        message = f'must be a dict from column to kind, {{"age": "number"}}, got {column_kinds!r}.'
        errors.add(message, argument="column_kinds")
        errors.raise_if_any(ConfigError)
    columns = list(table.frame.columns)
    error_class = _check_columns(columns, target_names, inputs, roles, errors)
    missing = MissingValueSpec.of(missing_values, errors)
    missing.check(columns, errors)
    kinds = {**_head_kinds(custom_heads), **(column_kinds or {})}
    tasks, schema = _infer_kinds(table, labels or table, target_names, kinds, missing, errors)
    if not errors.errors:
        declared_names = [*kinds, *filter(custom_heads.get, custom_heads)]
        tasks = settle_dense_targets(table, labels or table, schema, tasks, declared_names, missing)
    label_sets = [name for name, task in tasks.items() if task.cells.kind == "set"]
    check_answer_names({name: task.labels or None for name, task in tasks.items()}, label_sets, errors)
    errors.raise_if_any(error_class)
    tasks = {
        name: replace(task, reason=SET_BY_CALLER) if custom_heads.get(name) else task for name, task in tasks.items()
    }
    schema = Schema(tasks[guess.name].cells if guess.name in tasks else guess for guess in schema.values())
    not_inputs = {
        *target_names,
        *(name for role, named in roles.items() if role != "time" for name in role_columns(named)),
    }
    candidates = [name for name in dict.fromkeys(inputs or columns) if name not in not_inputs]
    options = TableOptions((*columns, *target_names), on_bad_file)
    schema, input_columns, left_out = _choose_inputs(
        table, schema, candidates, missing, options, are_named=inputs is not None
    )
    feeds = [InputFeed(str(each.input.name), each.columns, str(name_of(type(each.input)))) for each in input_columns]
    heads = [_named(custom_heads.get(name) or _head_for(tasks[name], name), name) for name in target_names]
    rows: Any = (labels or table).frame
    forms = {name: AnswerForm.of(rows[name], task.cells) for name, task in tasks.items()}
    targets = {str(head.name): name for head, name in zip(heads, target_names, strict=True)}
    view = TableView(schema, feeds, targets, forms)
    sources = dict.fromkeys(view.required, table) | dict.fromkeys(target_names, labels or table)
    phrases = {
        name: phrase
        for name, source in sources.items()
        if (phrase := describe_missing(guessed_profile(source, schema[name])))
    }
    return TableDesign(view, [each.input for each in input_columns], heads, tasks, left_out, len(rows), phrases)


def check_column_names(
    columns: Sequence[str],
    targets: Any,
    inputs: Sequence[str] | None,
    column_kinds: Mapping[str, str] | None,
    roles: Mapping[str, Role],
    errors: ErrorCollector,
) -> None:
    """Checks the names of columns and kinds before the rows of a large table are read.

    Raises:
        ConfigError: columns or kinds do not exist; reported with all of `errors`.
    """
    target_names, _ = _read_targets(targets, errors)
    _check_columns(columns, target_names, [inputs] if isinstance(inputs, str) else inputs, roles, errors)
    if isinstance(column_kinds, Mapping):
        check_kinds({name: kind for name, kind in column_kinds.items() if name not in target_names}, columns, errors)
    errors.raise_if_any(ConfigError)


def _read_targets(targets: Any, errors: ErrorCollector) -> tuple[list[str], dict[str, Head]]:
    """The target columns, and the heads that the caller sets for some of them."""
    if isinstance(targets, str | int):  # columns without names are called by their number
        return [str(targets)], {}
    if not isinstance(targets, Iterable):
        message = f"must be a column's name, a list of names, or a dict name -> head, got {targets!r}."
        errors.add(message, argument="targets")
        errors.raise_if_any(ConfigError)
    for name, head in targets.items() if isinstance(targets, Mapping) else ():
        if head is not None and not isinstance(head, Head):  # None: as guessed
            hint = f'to set its kind, list it in targets and use column_kinds={{{name!r}: "number"}}'
            message = f"maps {name!r} to {head!r}, which is not a head such as RegressionHead(); {hint}."
            errors.add(message, argument="targets")
    if isinstance(targets, Mapping):
        errors.raise_if_any(ConfigError)
        return list(map(str, targets)), {str(name): head for name, head in targets.items()}
    return list(dict.fromkeys(map(str, targets))), {}


def _check_columns(
    columns: Sequence[str],
    target_names: Sequence[str],
    inputs: Sequence[str] | None,
    roles: Mapping[str, Role],
    errors: ErrorCollector,
) -> type[MedleyError]:
    """Adds errors for invalid names; returns the class of the error that reports all."""
    if not target_names:
        errors.add("is empty; name at least one column to predict.", argument="targets")
    arguments = {
        "targets": target_names,
        "inputs": inputs or (),
        **{role: role_columns(named) for role, named in roles.items()},
    }
    for argument, names in arguments.items():
        for name in names:
            if name not in columns:
                errors.add(f"names {name!r}, which is not a column.{did_you_mean(name, columns)}", argument=argument)
            elif argument != "targets" and name in target_names:
                errors.add(f"names {name!r}, which is a target.", argument=argument)
    for argument, by_target in roles.items():
        for name in by_target if isinstance(by_target, Mapping) else ():
            if name not in target_names:
                errors.add(
                    f"names {name!r}, which is not a target.{did_you_mean(name, target_names)}", argument=argument
                )
    return ConfigError if errors.errors else DataError


def _head_kinds(custom_heads: Mapping[str, Head]) -> dict[str, str]:
    """The kinds of columns that follow from the caller's heads."""
    kinds = {name: head.target_kind() for name, head in custom_heads.items() if head is not None}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _infer_kinds(
    table: Table,
    labels: Table,
    target_names: Sequence[str],
    kinds: Mapping[str, str],
    missing: MissingValueSpec,
    errors: ErrorCollector,
) -> tuple[dict[str, TaskGuess], Schema]:
    """The tasks of targets and the kinds of the other columns; adds errors for kinds that are not possible."""
    tasks, schema = {}, Schema([])
    for name in (name for name in target_names if name in table.frame.columns):
        try:
            tasks[name] = (
                declared_target(labels, name, str(kinds[name]), missing)
                if name in kinds
                else infer_target_from_profile(profile_of(labels, name), missing)
            )
        except MedleyError as error:
            errors.collect(error)
    try:
        others = {name: kind for name, kind in kinds.items() if name not in target_names}
        schema = infer(table, others, missing_values=missing, targets=tasks)
    except DataError as error:
        errors.collect(error)
    return tasks, schema


def _choose_inputs(
    table: Table,
    schema: Schema,
    candidates: Sequence[str],
    missing: MissingValueSpec,
    options: TableOptions,
    *,
    are_named: bool,
) -> tuple[Schema, list[InputColumns], dict[str, str]]:
    """The schema, inputs with their columns, and the columns that are left out, each with its reason.

    Args:
        table: rows.
        schema: the kinds of columns; identifiers become numbers where there is nothing else to learn from.
        candidates: columns that may be inputs.
        missing: what the caller sets to be missing.
        options: of inputs.
        are_named: whether the caller has named the candidates.

    Raises:
        ConfigError: no column is left to learn from.
    """
    used, left_out = _used_columns(schema, candidates, are_named=are_named)
    if not used:
        schema = _with_identifiers(table, schema, candidates, missing)
        used, left_out = _used_columns(schema, candidates, are_named=are_named)
    input_columns, unclaimed = _claim_columns(schema, used, options)
    left_out |= unclaimed
    if input_columns:
        return schema, input_columns, left_out
    if not left_out:
        raise ConfigError("No column is left to learn from: all columns are targets or have another role.")
    reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
    raise ConfigError(f"No column is left to learn from ({reasons}). Override a guess with {spelled('column_kinds')}.")


def _used_columns(schema: Schema, columns: Sequence[str], *, are_named: bool) -> tuple[list[str], dict[str, str]]:
    used, left_out = [], {}
    for name in columns:
        guess = schema[name]
        if guess.is_used:
            used.append(name)
        else:
            left_out[name] = f"{guess.kind}: {guess.reason}" + (" (named in inputs)" if are_named else "")
    return used, left_out


def _with_identifiers(table: Table, schema: Schema, columns: Sequence[str], missing: MissingValueSpec) -> Schema:
    """A schema in which identifiers that are numbers are used, as there is nothing else to learn from."""
    profiles = [profile_of(table, name) for name in columns if schema[name].kind == "identifier"]
    numbers = {
        profile.name: "number" for profile in profiles if profile.is_plain and profile.values.dtype.kind in "iuf"
    }
    if not numbers:
        return schema
    guesses = infer(replace(table, frame=table.frame[[*numbers]]), numbers, missing_values=missing)
    reason = "an identifier by its name, but there is no other column to learn from"
    replaced = {name: replace(guess, reason=reason, confidence=0.5) for name, guess in guesses.items()}
    return Schema(replaced.get(name, guess) for name, guess in schema.items())


def _claim_columns(
    schema: Schema, used: Sequence[str], options: TableOptions
) -> tuple[list[InputColumns], dict[str, str]]:
    """Inputs with their columns, in the order in which input classes claim columns; and the unclaimed columns."""
    classes = [cls for cls in declared(InputBlock).values() if cls.claim_rank is not None]
    unclaimed, claims = list(used), []
    for cls in sorted(classes, key=lambda cls: (cls.claim_rank, cls.__name__)):
        columns = [schema[name] for name in unclaimed if schema[name].kind in cls.kinds]
        for claim in cls.from_columns(columns, options) if columns else ():
            claims.append(claim)
            options = replace(options, names=(*options.names, str(claim.input.name)))
            unclaimed = [name for name in unclaimed if name not in claim.columns]
    reasons = {name: f"{schema[name].kind}: {schema[name].reason}; no input reads such columns" for name in unclaimed}
    return claims, reasons


def _head_for(task: TaskGuess, name: str) -> Head:
    head_class = next(head for head in target_heads() if task.kind in head.task_kinds)
    return head_class.for_task(task, name)


def _named(head: Head, name: str) -> Head:
    return head if head.name else replace(head, name=name)
