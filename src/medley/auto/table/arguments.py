"""What is asked of the table door, checked: all mistakes of a call are told at once, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medley.auto.duration import seconds
from medley.auto.rows import check_fit, check_writable, folder_problems
from medley.auto.table.plan import Plan, plan_table
from medley.errors import DataError, ErrorCollector, MedleyError
from medley.model.forward import resolve_device
from medley.tables.reading.memory import memory_bytes
from medley.tables.reading.read import Table, read


def check_search(
    errors: ErrorCollector,
    *,
    time_limit: Any = None,
    max_trials: Any = None,
    epochs: Any = None,
    batch_size: Any = None,
    validation_split: Any = 0.2,
    seed: Any = None,
    on_bad_image: Any = "warn",
    verbose: Any = 1,
    memory: Any = "auto",
    device: Any = "auto",
    project_name: Any = "table_model",
    directory: Any = None,
) -> None:
    """Notes in `mistakes` what is wrong with the plain arguments of `fit`."""
    problems = list(folder_problems(project_name, directory))
    for sentence in problems:
        errors.add(sentence)
    with _noting(errors):
        if not problems:
            check_writable(Path(directory or ".") / project_name)
    with _noting(errors):
        resolve_device(device)
    with _noting(errors):
        seconds(time_limit)
    with _noting(errors):
        memory_bytes(memory)
    with _noting(errors):
        check_fit(epochs, batch_size, validation_split, None, None, verbose)
    for name, value, least in (("max_trials", max_trials, 1), ("seed", seed, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            errors.add(f"{name} must be a whole number of at least {least}, got {value!r}.")
    if on_bad_image not in ("warn", "raise", "drop"):
        errors.add(f'on_bad_image must be "warn", "raise" or "drop", got {on_bad_image!r}.')


def understand(
    errors: ErrorCollector,
    table: Any,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, str] | None = None,
    root: str | Path | None = None,
    roles: Mapping[str, str | None] | None = None,
    on_bad_image: str = "warn",
    labels: Table | None = None,
) -> tuple[Table, Plan]:
    """Reads a table and plans its model.

    Args:
        errors: what is known to be wrong already.
        table: as for `fit`.
        targets: likewise.
        inputs: likewise.
        column_kinds: likewise.
        root: likewise.
        roles: "group", "time", "split", "sample_weight" -> column or None.
        on_bad_image: as for `fit`.
        labels: the targets' columns of all rows, where `table` is a sample of them.

    Raises:
        ConfigError, DataError: all of `mistakes`, and what is wrong with the table.
    """
    given = {word: column for word, column in (roles or {}).items() if column is not None}
    by = [word for word in ("group", "time", "split") if word in given]
    if len(by) > 1:
        errors.add(f"Rows can be split by one of group, time and split, got {', '.join(by)}.")
    try:
        known = read(table, root)
    except DataError as error:
        errors.collect(error)
        errors.raise_if_any(DataError)
        raise
    return known, plan_table(
        known,
        targets,
        inputs=inputs,
        column_kinds=column_kinds,
        roles=given,
        on_bad_image=on_bad_image,
        errors=errors,
        labels=labels,
    )


@contextmanager
def _noting(errors: ErrorCollector) -> Iterator[None]:
    """Goes on after a mistake, to find the others."""
    try:
        yield
    except MedleyError as error:
        errors.collect(error)
