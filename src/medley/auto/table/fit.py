"""The table API: from a file of mixed columns to a model of several targets, in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from medley.auto.automodel import AutoModel
from medley.auto.duration import seconds
from medley.auto.table.arguments import check_search, understand, with_fields
from medley.auto.table.graph import path_name, table_graph, table_training
from medley.auto.table.large import divide_large, images_are_large, scanned
from medley.auto.table.plan import Plan, check_names
from medley.auto.table.pretrained import with_pretrained
from medley.auto.table.rows import SplitRows, SplitSpec, divide_table
from medley.errors import ConfigError, ErrorCollector
from medley.model.model import Model
from medley.search.budget import Budget
from medley.search.progress import Progress
from medley.search.store import Store
from medley.search.study import PATIENCE
from medley.tables.reading.memory import is_large, memory_bytes
from medley.tables.reading.read import batches
from medley.train.plan import Training

PROJECT = "table_model"
"""The folder of a search whose directory is given without a name."""


def fit(
    table: Any,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, str] | None = None,
    root: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    validation_split: float | None = None,
    sample_weight: str | None = None,
    time_limit: float | str | None = "10m",
    max_trials: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    objective: Any = None,
    tuner: Any = None,
    loss_weights: Any = None,
    max_model_size: int | None = None,
    training: Training | None = None,
    on_bad_file: str = "warn",
    project_name: str | None = None,
    directory: str | Path | None = None,
    overwrite: bool = False,
    seed: int | None = None,
    device: Any = "auto",
    verbose: int = 1,
    memory: float | str | None = "auto",
    pretrained: Any = "auto",
    plan: Mapping[str, Any] | None = None,
    private: Sequence[str] = (),
) -> Model:
    """Fits one model of several targets to a table: guesses what its columns hold, draws a graph, searches, trains.

    Args:
        table: a file (CSV of any delimiter, also packed; TSV, Parquet, JSON lines, Feather), a folder of them, a frame
            of pandas, polars, Arrow or DuckDB, a dict of columns, a list of dicts.
        targets: the column to predict, several, or a dict from column to its head. Cells may be missing.
        inputs: the columns to learn from; all others but those named below, if left out.
        column_kinds: column -> kind ("number", "category", "text", "image", ...), where a guess shall be overruled.
        root: the folder that paths in cells count from; the table's own, if left out.
        group: column; rows of one value are never on both sides of the split.
        time: column; the latest rows are held out.
        split: column that says which rows are training and which validation rows.
        validation_split: fraction of the rows that is held out at random to validate on, stratified over the targets.
            Left out, tables of columns and texts are learned from whole, in five folds: each row is predicted by
            members of an ensemble that have not seen it; with images and the like, 10 to 20 % are held out.
        sample_weight: column of weights.
        time_limit: seconds, or "10m".
        max_trials: networks to try. If left out, as many as fit into the time, 100 at most, and fewer where many in a
            row bring nothing better (20, or as many as it took to find the best).
        epochs: of each training; chosen by the number of rows, fewer with texts, if left out.
        batch_size: rows per step; likewise.
        objective: as in `AutoModel`.
        tuner: as in `AutoModel`.
        loss_weights: as in `AutoModel`, by target.
        max_model_size: as in `AutoModel`.
        training: as in `AutoModel`.
        on_bad_file: of images and recordings that cannot be read: `"warn"` takes them as missing, `"raise"` stops,
            `"drop"` leaves their rows out.
        project_name: folder of the search under `directory`; "table_model" if left out.
        directory: as in `AutoModel`: without `project_name` or `directory`, the search leaves nothing on the disk.
        overwrite: as in `AutoModel`.
        seed: as in `AutoModel`.
        device: as in `AutoModel`.
        verbose: 0 silent, 1 what was understood and a line per trial, 2 a line per epoch.
        memory: what the table may take: bytes, or "2GB"; "auto" is a share of what is free. A file or folder that would
            take more is read in batches and encoded into files, see `docs/tables.md`.
        pretrained: encoders that columns of texts and images may start from: a folder or a name on the hub (for the
            columns that it can read), a dict from column to such, or None to learn from scratch. `"auto"` takes what
            is in the hub's cache and never asks a network; where nothing is, it learns from scratch and says so.

        plan: `model.metadata["plan"]` of an earlier call with the same rows: repeats that training without a clock, so
            that machines of another speed, or a busier one, get the same model; unless its `"complete"` is False: then
            the time ran out before the plan was carried out.
        private: columns of which no word may be seen or saved. Each word is replaced by a code as soon as the table is
            read, here and in predictions: categories and words are still told apart, parts of words and numbers are not
            read. Codes hide words from readers, not from those who try a list of words.

    Returns:
        A model whose `predict` takes tables and gives frames.

    Raises:
        ConfigError, DataError: errors in the call or the table, before anything is trained.

    >>> import tempfile
    >>> size, kind = [number / 7 for number in range(64)], ["a", "b", "b", "c"] * 16
    >>> price = [one * (3 if letter == "b" else 1) for one, letter in zip(size, kind)]
    >>> rows = {"size": size, "kind": kind, "price": price}
    >>> model = fit(rows, ["price"], max_trials=1, epochs=1, directory=tempfile.mkdtemp(), verbose=0)
    >>> list(model.predict({"kind": ["b"], "size": [2.0]}).columns)
    ['price']
    """
    budget = Budget.start(_limit(time_limit) if plan is None else None)
    errors = ErrorCollector()
    check_search(
        errors,
        time_limit=time_limit,
        max_trials=max_trials,
        epochs=epochs,
        batch_size=batch_size,
        validation_split=validation_split,
        seed=seed,
        on_bad_file=on_bad_file,
        verbose=verbose,
        memory=memory,
        device=device,
        project_name=project_name,
        directory=directory,
        plan=plan,
    )
    division = SplitSpec(validation_split or 0.2, seed or 0, group, time, split, sample_weight, on_bad_file)
    division = replace(division, is_free=validation_split is None)
    divided, table_plan = _understood(
        errors,
        table,
        targets,
        division,
        memory,
        Progress(verbose),
        inputs=inputs,
        column_kinds=column_kinds,
        root=root,
        roles={"group": group, "time": time, "split": split, "sample_weight": sample_weight},
        on_bad_file=on_bad_file,
        pretrained=pretrained,
        private=private,
    )
    if project_name is None and directory is not None:
        project_name = PROJECT
    store = None if project_name is None or overwrite else Store(Path(directory or ".") / project_name)
    choices: Mapping[str, Any] = plan or ({} if store is None else store.choices)
    table_plan = _sized(table_plan, budget, divided.train.size, choices.get("inputs", {}))
    name = path_name(table_plan.inputs, table_plan.heads)
    path = _path_fields(plan, name, [str(block.name) for block in table_plan.inputs])
    auto = AutoModel(
        table_plan.inputs,
        table_graph(table_plan.inputs, table_plan.heads, linear=divided.stream is None, path=path),
        project_name,
        max_trials or (1 if plan else 100),
        directory,
        objective,
        tuner,
        overwrite,
        seed,
        max_model_size,
        loss_weights=loss_weights,
        time_limit=budget.limit,
        device=device,
        training=training or table_training(table_plan.inputs, divided.train.size, epochs, batch_size, plan),
    )
    auto.search(
        divided.train,
        divided.val,
        epochs,
        batch_size,
        verbose=verbose,
        budget=budget,
        choices={"inputs": {str(block.name): dict(block.choices) for block in table_plan.inputs if block.choices}},
        table=table_plan.view,
        about=divided.about,
        patience=PATIENCE if max_trials is None else None,
        stream=divided.stream,
    )
    return auto.export_model()


def _sized(plan: Plan, budget: Budget, rows: int, choices: Mapping[str, Any]) -> Plan:
    """A plan whose inputs are encoded as small as the time asks for.

    Args:
        plan: as inferred.
        budget: the time limit.
        rows: to train on.
        choices: input name -> fields that an earlier call chose, which are taken over.
    """
    seconds_per_row = budget.seconds_per_row(rows) / (sum(block.shares_encoder for block in plan.inputs) or 1)
    inputs = [
        with_fields(block, choices[str(block.name)]) if str(block.name) in choices else block.for_time(seconds_per_row)
        for block in plan.inputs
    ]
    return replace(plan, inputs=inputs)


def _path_fields(plan: Mapping[str, Any] | None, name: str, inputs: Sequence[str]) -> Mapping[str, Any]:
    """Fields of the linear path that a plan says.

    Args:
        plan: of an earlier call, or None.
        name: of the linear path.
        inputs: names of the table's inputs.

    Raises:
        ConfigError: the plan is one of other inputs.
    """
    fields: Mapping[str, Any] = {} if plan is None else plan["inputs"]
    if unknown := [other for other in fields if other not in (name, *inputs)]:
        names = ", ".join(map(repr, unknown))
        message = f"sets {names}, but the inputs are {', '.join([*inputs, name])}: it is of another table."
        raise ConfigError(message, argument="plan")
    return fields.get(name, {})


def _limit(time_limit: Any) -> float | None:
    """Seconds; None where the argument breaks a rule, which is reported with the other errors."""
    try:
        return seconds(time_limit)
    except ConfigError:
        return None


def _understood(
    errors: ErrorCollector,
    table: Any,
    targets: Any,
    division: SplitSpec,
    memory: Any,
    progress: Progress,
    *,
    roles: Mapping[str, str | None],
    root: Any,
    pretrained: Any,
    **how: Any,
) -> tuple[SplitRows, Plan]:
    """Reads, plans and divides a table: in memory where it fits, else in batches."""
    try:
        memory = memory_bytes(memory)
    except ConfigError:  # told with the other errors
        memory = memory_bytes("auto")
    if not is_large(table, memory):
        known, plan = understand(errors, table, targets, roles=roles, root=root, **how)
        if not (isinstance(table, str | PathLike) and images_are_large(known, plan, memory)):
            plan = with_pretrained(plan, pretrained, progress.log)
            return divide_table(known, plan, division, progress), plan
        del known
    if how["private"]:
        errors.add("columns need a table that fits into memory; set memory= higher.", argument="private")
    given = {word: column for word, column in roles.items() if column is not None}
    first = next(batches(table, 1), None)
    if first is not None:
        check_names(list(first.columns), targets, how["inputs"], how["column_kinds"], given, errors)
    scan = scanned(table, root, memory, [*_names(targets), *division.columns], division.seed, progress)
    _, plan = understand(errors, scan.sample, targets, roles=roles, root=root, labels=scan.full, **how)
    plan = with_pretrained(plan, pretrained, progress.log)
    return divide_large(scan, plan, division, progress), plan


def _names(targets: Any) -> list[str]:
    """The targets' columns; none where the argument makes no sense, which is told elsewhere."""
    if isinstance(targets, str):
        return [targets]
    return [str(one) for one in targets] if isinstance(targets, Iterable) else []
