"""The table API: fits a model of several targets to a table of mixed columns, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from medley.auto.automodel import AutoModel
from medley.auto.duration import seconds
from medley.auto.table.arguments import check_search, read_and_design, target_names
from medley.auto.table.design import Role, TableDesign, check_column_names
from medley.auto.table.graph import path_name, table_graph, table_training
from medley.auto.table.input_choices import chosen_fields, fit_to_time
from medley.auto.table.large_search_rows import are_images_large, large_search_rows, scan_table
from medley.auto.table.pretrained_choice import choose_pretrained, without_slow_encoders
from medley.auto.table.search_rows import SearchRows, SplitSettings, search_rows
from medley.auto.validation_rows import with_validation_rows
from medley.callbacks.callback import CallbackLike
from medley.core.words import BalancerName, KindName, OnBadFile, TunerName
from medley.errors import ConfigError, DataError, ErrorCollector, MissingDependencyError
from medley.model.model import Model
from medley.search.budget import Budget
from medley.search.execute.choose import resolve_executor
from medley.search.execute.executor import Executor
from medley.search.objective import Objective
from medley.search.progress import Progress
from medley.search.store import Store
from medley.search.study import PATIENCE
from medley.search.tuners import Tuner
from medley.tables.reading.files import TableFiles
from medley.tables.reading.header import HasHeader
from medley.tables.reading.memory import is_large, memory_bytes
from medley.tables.reading.read import batches, source_of
from medley.train.plan import Training

if TYPE_CHECKING:
    from medley.balance.balancer import Balancer

PROJECT = "table_model"
"""The folder of a search whose directory is given without a name."""

MAX_TRIALS, ROWS_PER_TRIAL = 100, 50
"""Trials of a search whose number is not given, at most: in all, and validation rows per trial."""


FEW_ROWS, SECONDS_PER_ROW = 4_000, 0.015
"""Rows below which, and seconds of the time limit per row from which, held-out rows of images and the like are learned
from in last epochs (record 52)."""


def fit(
    table: Any,
    targets: str | Sequence[str] | Mapping[str, Any],
    *,
    inputs: Sequence[str] | None = None,
    column_kinds: Mapping[str, KindName | str] | None = None,
    missing_values: Any = None,
    root: str | Path | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    validation_split: float | None = None,
    sample_weight: str | Mapping[str, str] | None = None,
    time_limit: float | str | None = "10m",
    max_trials: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    objective: str | Objective | Sequence[str | Objective] | None = None,
    tuner: TunerName | type[Tuner] | Tuner | None = None,
    loss_weights: BalancerName | str | Sequence[float] | Mapping[str, float] | float | Balancer | None = None,
    max_model_size: int | None = None,
    training: Training | None = None,
    on_bad_file: OnBadFile = "warn",
    project_name: str | None = None,
    directory: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    seed: int | None = None,
    device: Any = "auto",
    verbose: int = 1,
    memory: float | str | None = "auto",
    pretrained: Any = "auto",
    local_means: bool = True,
    plan: Mapping[str, Any] | None = None,
    header: HasHeader = "auto",
    connection: Any = None,
    private: Sequence[str] = (),
    callbacks: Sequence[CallbackLike] | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
) -> Model:
    """Fits a model of one or several targets to a table: infers the kinds of columns, builds a graph, searches, trains.

    Args:
        table: a file (CSV of any delimiter, also compressed; TSV, Parquet, JSON, Feather, Excel), a folder of files, a
            pattern (`"2024/*.csv"`), a list of files, a URL, an open file; a frame of pandas, polars, Arrow or DuckDB,
            a data set of Hugging Face, a dict of columns, a list of dicts; a query with `connection`, a `Query`, the
            URI of a database. `docs/tables.md` lists all forms.
        targets: the column to predict, several columns, or a dict from column to its head. Cells may be missing.
        inputs: the columns to learn from; default: all columns without another role.
        column_kinds: column -> kind ("number", "category", "text", "image", ...), to override the inferred kinds.
        missing_values: strings and numbers that stand for missing values (`["unknown", -99]`), in addition to those
            that are recognised; or a dict from column to all of its missing values: `{"region": []}`, if "NA" is a
            region.
        root: the folder that relative paths in cells start from; default: the table's folder.
        group: column; rows with the same value are all training rows or all validation rows.
        time: column; the latest rows are validation rows.
        split: column that marks training and validation rows: "train", "validation" ("test" rows are left out); or
            booleans, 0 and 1, whose meaning follows its name: true is a training row in `is_train`, and a validation
            row in `is_test`, `val` and where the name does not tell; or whole numbers in a column such as `fold`, of
            which the highest are validation rows.
        validation_split: fraction of the rows that is drawn at random for validation, stratified over the targets.
            By default, tables of columns and texts are divided into five folds, so that all rows are training rows:
            each row is validated by the members of an ensemble that are not trained on it. With images and the like, 10
            to 20 % are validation rows.
        sample_weight: column of weights, or a dict from target to such a column.
        time_limit: seconds, or "10m".
        max_trials: maximal number of trials. By default, as many as fit into the time, at most 100 and one per 50
            validation rows, as few rows choose among many networks by chance; and fewer if many in a row do not improve
            the result (20, or as many as preceded the best trial).
        epochs: epochs per trial; default: depends on the number of rows, and fewer with texts.
        batch_size: rows per step; default: depends on the number of rows.
        objective: as in `AutoModel`.
        tuner: as in `AutoModel`.
        loss_weights: as in `AutoModel`, by target.
        max_model_size: as in `AutoModel`.
        training: as in `AutoModel`.
        on_bad_file: for images and recordings that cannot be read: `"warn"` treats them as missing, `"raise"` raises an
            error, `"drop"` leaves out their rows.
        project_name: folder of the search under `directory`; default: "table_model".
        directory: as in `AutoModel`: without `project_name` and `directory`, the search leaves no files.
        overwrite: as in `AutoModel`.
        resume: as in `AutoModel.fit`.
        seed: as in `AutoModel`.
        device: as in `AutoModel`.
        verbose: 0 silent, 1 the inferred kinds and a line per trial, 2 a line per epoch.
        memory: memory limit of the table: bytes, or "2GB"; "auto" is a fraction of the free memory. A file or folder
            that would take more is read in batches and encoded into files, see `docs/tables.md`.
        pretrained: encoders that columns of texts and images may start from: a folder or a name on the hub (for the
            columns of its modality), a dict from column to one of these, or None to train from scratch. `"auto"` uses
            models in the local cache of the hub, without network access; if there are none, it trains from scratch and
            reports this.
        local_means: whether the model may contain values of two columns, such as coordinates, and the targets of all
            training rows, to average the targets of neighbouring rows; only where this helps linear models.
        plan: `model.metadata["plan"]` of an earlier call with the same rows: repeats that training without a time
            limit, so that the result does not depend on the speed of the machine; unless its `"complete"` is False,
            because the time ran out before the plan was carried out.
        header: whether the first line of text files and spreadsheets holds the names of the columns. `"auto"` decides
            by the cells; columns without names are called `column_1`, `column_2`, ...
        connection: a database, or its URI, if `table` is a query or the name of one of its tables.
        private: columns of which no word may be seen or saved. Each word is replaced by a code as soon as the table is
            read, here and in predictions: categories and words are still told apart, parts of words and numbers are not
            read. Codes hide words from readers, not from those who try a list of words.
        executor: where trials run: "serial" (here; the default), "stacked" (here, equal networks together),
            "processes" of this machine, "files" (workers on other machines that share the project's folder), or "ray";
            see docs/scale.md.
        workers: number of trials that run at the same time; default: one per CPU core.
        callbacks: as in `AutoModel.fit`.

    Returns:
        A model whose `predict` takes tables and returns frames.

    Raises:
        ConfigError, DataError: errors in the arguments or the table, before the training.

    >>> import tempfile
    >>> size, kind = [number / 7 for number in range(64)], ["a", "b", "b", "c"] * 16
    >>> price = [number * (3 if letter == "b" else 1) for number, letter in zip(size, kind)]
    >>> rows = {"size": size, "kind": kind, "price": price}
    >>> model = fit(rows, ["price"], max_trials=1, epochs=1, directory=tempfile.mkdtemp(), verbose=0)
    >>> list(model.predict({"kind": ["b"], "size": [2.0]}).columns)
    ['price']
    """
    budget = Budget.start(_seconds_or_none(time_limit) if plan is None else None)
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
        header=header,
        callbacks=callbacks,
    )
    if resume and overwrite:
        errors.add("cannot be combined with overwrite, which begins anew.", argument="resume")
    with suppress(ConfigError, DataError, MissingDependencyError):  # reported by now, or when it is read
        table = source_of(table, header, connection, target_names(targets))
    with errors.collecting(ConfigError):
        executor = resolve_executor(executor, workers)
    split_settings = SplitSettings(
        validation_split or 0.2,
        seed or 0,
        group,
        time,
        split,
        sample_weight,
        on_bad_file,
        is_free=validation_split is None,
    )
    if project_name is None and directory is not None:
        project_name = PROJECT
    store = None if project_name is None or overwrite else Store(Path(directory or ".") / project_name)
    choices: Mapping[str, Any] = plan or ({} if store is None else store.choices)
    rows, design = _read_and_split(
        errors,
        table,
        targets,
        split_settings,
        memory,
        Progress(verbose),
        inputs=inputs,
        column_kinds=column_kinds,
        missing_values=missing_values,
        root=root,
        roles={"group": group, "time": time, "split": split, "sample_weight": sample_weight},
        pretrained=pretrained,
        private=private,
    )
    size = rows.train.size + (0 if rows.val is None else rows.val.size)
    timely = without_slow_encoders(design, pretrained, budget, size, Progress(verbose).log)
    left_out = {str(new.name) for old, new in zip(design.inputs, timely.inputs, strict=True) if old is not new}
    design = fit_to_time(timely, budget, rows.train.size, choices.get("inputs", {}))
    name = path_name(design.inputs, design.heads)
    path = _path_fields(plan, name, [str(block.name) for block in design.inputs])
    path = path if local_means else {**path, "local_means": False}
    uses_all_rows = split_settings.is_free and split is None and rows.stream is None and _has_time(size, budget)
    auto = AutoModel(
        design.inputs,
        table_graph(design.inputs, design.heads, design.summary, path=path),
        project_name,
        max_trials or (1 if plan else _most_trials(rows, Progress(verbose))),
        directory,
        objective,
        tuner,
        overwrite,
        seed,
        max_model_size,
        loss_weights=loss_weights,
        time_limit=budget.limit,
        device=device,
        training=training
        or table_training(
            design.inputs, design.summary, rows.train.size, epochs, batch_size, plan, uses_all_rows=uses_all_rows
        ),
    )
    auto.search(
        rows.train,
        rows.val,
        epochs,
        batch_size,
        callbacks,
        verbose=verbose,
        budget=budget,
        choices={"inputs": chosen_fields(design, left_out)},
        table=design.view,
        metadata=rows.metadata if time is None else {**rows.metadata, "time": time},
        patience=PATIENCE if max_trials is None else None,
        stream=rows.stream,
        resume=resume,
        executor=cast(Executor, executor),
    )
    return with_validation_rows(auto.export_model(), rows.val or rows.train)


def _path_fields(plan: Mapping[str, Any] | None, name: str, inputs: Sequence[str]) -> Mapping[str, Any]:
    """The fields of the linear path in a plan.

    Args:
        plan: the plan of an earlier call, or None.
        name: name of the linear path.
        inputs: names of the table's inputs.

    Raises:
        ConfigError: the plan has other inputs.
    """
    fields: Mapping[str, Any] = {} if plan is None else plan["inputs"]
    if unknown := [other for other in fields if other not in (name, *inputs)]:
        names = ", ".join(map(repr, unknown))
        message = f"sets {names}, but the inputs are {', '.join([*inputs, name])}: the plan is of another table."
        raise ConfigError(message, argument="plan")
    return fields.get(name, {})


def _has_time(rows: int, budget: Budget) -> bool:
    """Whether rows are so few, and the time so long, that validation rows are worth more than epochs without them."""
    left = budget.time_left
    return rows < FEW_ROWS and (left is None or left >= SECONDS_PER_ROW * rows)


def _seconds_or_none(time_limit: Any) -> float | None:
    """Seconds; None if the argument is invalid, which is reported with the other errors."""
    try:
        return seconds(time_limit)
    except ConfigError:
        return None


def _read_and_split(
    errors: ErrorCollector,
    table: Any,
    targets: Any,
    split_settings: SplitSettings,
    memory: Any,
    progress: Progress,
    *,
    inputs: Sequence[str] | None,
    column_kinds: Mapping[str, str] | None,
    root: Any,
    roles: Mapping[str, Role | None],
    pretrained: Any,
    missing_values: Any,
    private: Sequence[str],
) -> tuple[SearchRows, TableDesign]:
    """Reads and splits a table and designs its model: in memory if the table fits, else in batches."""
    try:
        memory = memory_bytes(memory)
    except ConfigError:  # reported with the other errors
        memory = memory_bytes("auto")
    design_table = partial(
        read_and_design,
        errors,
        targets=targets,
        inputs=inputs,
        column_kinds=column_kinds,
        root=root,
        roles=roles,
        on_bad_file=split_settings.on_bad_file,
        missing_values=missing_values,
        private=private,
    )
    if not is_large(table, memory):
        loaded, design = design_table(table)
        if not (isinstance(table, TableFiles) and are_images_large(loaded, design, memory)):
            design = choose_pretrained(design, pretrained, progress.log)
            return search_rows(loaded, design, split_settings, progress), design
        del loaded
    if private:
        errors.add("columns need a table that fits into memory; set memory= higher.", argument="private")
    first_batch = next(batches(table, 1), None)
    if first_batch is not None:
        columns_by_role = {role: column for role, column in roles.items() if column is not None}
        check_column_names(list(first_batch.columns), targets, inputs, column_kinds, columns_by_role, errors)
    columns = [*target_names(targets), *split_settings.columns]
    table_scan = scan_table(table, root, memory, columns, split_settings.seed, progress)
    _, design = design_table(table_scan.sample, labels=table_scan.full)
    design = choose_pretrained(design, pretrained, progress.log)
    return large_search_rows(table_scan, design, split_settings, progress), design


def _most_trials(rows: SearchRows, progress: Progress) -> int:
    """The number of trials among which validation rows can choose: the best of many on few rows is best by chance."""
    held_out = rows.train.size if rows.val is None else rows.val.size
    most = max(1, min(MAX_TRIALS, held_out // ROWS_PER_TRIAL))
    if most < MAX_TRIALS:
        trials = f"{most} trial{'s' if most > 1 else ''} at most"
        reason = f"{held_out:,} validation rows would choose among more by chance"
        progress.log(f"{trials}, as {reason}; max_trials overrules")
    return most
