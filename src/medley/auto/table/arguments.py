"""Checks of the table API's arguments; all errors of a call are reported together, before the training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from medley.auto.duration import seconds
from medley.auto.fit_arguments import check_fit, check_folder, check_writable
from medley.auto.table.design import Role, TableDesign, design_model
from medley.core.arguments import check_whole_number
from medley.core.input import InputBlock
from medley.core.unreadable import POLICIES
from medley.errors import ConfigError, DataError, ErrorCollector, did_you_mean, spelled
from medley.model.forward import resolve_device
from medley.tables.answer_forms import with_given_names
from medley.tables.columns.pseudonyms import pseudonymized
from medley.tables.reading.header import check_header
from medley.tables.reading.memory import memory_bytes
from medley.tables.reading.read import Table, read
from medley.train.epoch_plan import as_growth

AnyInput = TypeVar("AnyInput", bound=InputBlock)

_SPLITS = ("group", "time", "split")


def check_search(
    errors: ErrorCollector,
    *,
    time_limit: Any = None,
    max_trials: Any = None,
    epochs: Any = None,
    batch_size: Any = None,
    validation_split: Any = 0.2,
    seed: Any = None,
    on_bad_file: Any = "warn",
    verbose: Any = 1,
    memory: Any = "auto",
    device: Any = "auto",
    project_name: Any = None,
    directory: Any = None,
    plan: Any = None,
    header: Any = "auto",
    callbacks: Any = None,
) -> None:
    """Adds an error for each invalid argument of `fit` that does not depend on the table."""
    before = len(errors.errors)
    check_folder(errors, project_name, directory)
    if len(errors.errors) == before and not (directory is None and project_name is None):
        with errors.collecting():
            check_writable(Path(directory or ".") / (project_name or ""))
    with errors.collecting():
        resolve_device(device)
    with errors.collecting():
        seconds(time_limit)
    with errors.collecting():
        memory_bytes(memory)
    with errors.collecting():
        check_fit(epochs, batch_size, 0.2 if validation_split is None else validation_split, None, callbacks, verbose)
    check_whole_number(errors, max_trials, "max_trials")
    check_plan(errors, plan)
    with errors.collecting():
        check_header(header)
    check_whole_number(errors, seed, "seed", at_least=0)
    if on_bad_file not in POLICIES:
        errors.add(f'must be "warn", "raise" or "drop", got {on_bad_file!r}.', argument="on_bad_file")


def check_plan(errors: ErrorCollector, plan: Any) -> None:
    """Adds an error if a plan is not from the metadata of a model.

    >>> errors = ErrorCollector()
    >>> check_plan(errors, {"epoch": 3})
    >>> print(errors.errors[0])
    plan must be model.metadata["plan"] of an earlier call, got {'epoch': 3}.
    """
    if plan is None:
        return
    is_plan = isinstance(plan, Mapping) and {"epochs", "first_epochs", "inputs"} <= plan.keys()
    inputs = plan["inputs"] if is_plan else None
    if not isinstance(inputs, Mapping) or not all(isinstance(fields, Mapping) for fields in inputs.values()):
        errors.add(f'must be model.metadata["plan"] of an earlier call, got {plan!r}.', argument="plan")
        return
    check_whole_number(errors, plan["epochs"], 'plan["epochs"]', optional=False)
    try:
        as_growth(plan.get("growth", ()))
    except (TypeError, ValueError):
        errors.add(
            f'plan["growth"] must be pairs of whole numbers that increase, got {plan["growth"]!r}.', argument="plan"
        )
    check_whole_number(errors, plan["first_epochs"], 'plan["first_epochs"]')
    check_whole_number(errors, plan.get("last_epochs"), 'plan["last_epochs"]', at_least=0)


def replace_fields(block: AnyInput, fields: Mapping[str, Any]) -> AnyInput:
    """Sets fields of an input to the values in a plan.

    Raises:
        ConfigError: the input does not have the field, or the value is invalid.
    """
    if unknown := fields.keys() - block.__dataclass_fields__.keys():
        names = ", ".join(map(repr, sorted(unknown)))
        message = f"sets {names} of {block.name or type(block).__name__}, which does not have this field."
        raise ConfigError(message, argument="plan")
    return replace(block, **fields)


def read_and_design(
    errors: ErrorCollector,
    table: Any,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, str] | None = None,
    root: str | Path | None = None,
    roles: Mapping[str, Role | None] | None = None,
    on_bad_file: str = "warn",
    labels: Table | None = None,
    missing_values: Any = None,
    private: Sequence[str] = (),
) -> tuple[Table, TableDesign]:
    """Reads a table and designs its model.

    Args:
        errors: earlier errors of the call.
        table: as in `fit`.
        targets: as in `fit`.
        inputs: as in `fit`.
        column_kinds: as in `fit`.
        root: as in `fit`.
        roles: "group", "time", "split", "sample_weight" -> column, target -> column, or None.
        on_bad_file: as in `fit`.
        labels: the target columns of all rows, if `table` is a sample of rows.
        missing_values: as in `fit`.
        private: as in `fit`.

    Raises:
        ConfigError, DataError: all of `errors`, and the errors in the table.
    """
    columns_by_role = {role: column for role, column in (roles or {}).items() if column is not None}
    split_roles = [role for role in _SPLITS if role in columns_by_role]
    if len(split_roles) > 1:
        arguments = " and ".join(", ".join(map(spelled, _SPLITS)).rsplit(", ", 1))
        errors.add(f"Rows can be split by one of {arguments}, got {', '.join(map(spelled, split_roles))}.")
    try:
        loaded = read(table, root, as_text=private)
    except DataError as error:
        errors.collect(error)
        errors.raise_if_any(DataError)
        raise
    check_private(private, list(loaded.frame.columns), targets, errors)
    loaded = pseudonymized(loaded, private)
    design = design_model(
        loaded,
        targets,
        inputs=inputs,
        column_kinds=column_kinds,
        roles=columns_by_role,
        on_bad_file=on_bad_file,
        errors=errors,
        labels=labels,
        missing_values=missing_values,
    )
    design.view.private = tuple(private)
    design.view.forms = with_given_names(design.view.forms, table)
    return loaded, design


def check_private(private: Any, columns: Sequence[str], targets: Any, errors: ErrorCollector) -> None:
    """Adds an error where private columns are no columns, or are to be predicted.

    Args:
        private: as in `fit`.
        columns: of the table.
        targets: as in `fit`.
        errors: is added to.
    """
    if isinstance(private, str) or not all(isinstance(name, str) for name in private):
        errors.add(f"must be a list of columns, got {private!r}.", argument="private")
        return
    named = target_names(targets)
    for name in private:
        if name not in columns:
            errors.add(f"names {name!r}, which is not a column.{did_you_mean(name, columns)}", argument="private")
        elif name in named:
            errors.add(f"names {name!r}, which is a target: predictions would be codes.", argument="private")


def target_names(targets: Any) -> list[str]:
    """The target columns; none if the argument is invalid, which is reported elsewhere."""
    if isinstance(targets, str | int):
        return [str(targets)]
    return [str(name) for name in targets] if isinstance(targets, Iterable) else []
