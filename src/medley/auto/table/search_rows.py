"""The rows of a table for a search: training and validation rows, or training rows in folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medley.auto.table.design import Role, TableDesign, role_columns
from medley.auto.table.graph import has_folds
from medley.auto.table.reports import (
    check_files_are_readable,
    report_design,
    report_unparsed,
    unreadable_rows,
    warn_of_leaks,
)
from medley.auto.table.split import fold_rows, split_periods, split_rows
from medley.auto.table.split_column import read_split_column
from medley.auto.training_rows import label_strata
from medley.core.batch import RowWeights
from medley.core.row_reporting import using_row_numbers
from medley.data.rows import take
from medley.data.split import FOLDS
from medley.errors import DataError, spelled
from medley.model.encoding import row_weights, take_weights
from medley.search.labelled_rows import LabelledRows
from medley.search.progress import Progress
from medley.search.stream import Stream
from medley.tables.checks.leaks import duplicate_groups
from medley.tables.columns.cells import table_cells
from medley.tables.reading.read import Table

MIN_FOLD_ROWS = 20
"""Tables with fewer rows are not divided into folds."""

_MIN_TIMES_FRACTION, _MIN_DISTINCT_TIMES = 0.9, 20


@dataclass(frozen=True)
class SplitSettings:
    """How a table is split into training and validation rows.

    Args:
        fraction: fraction of validation rows, unless `split` names a column.
        seed: random seed of the split.
        group: column; rows with the same value are never separated.
        time: column; the latest rows are validation rows.
        split: column that marks training and validation rows.
        sample_weight: column of weights, or target -> such a column.
        on_bad_file: `"drop"` leaves out rows with unreadable files; `"raise"` reports them as an error.
        is_free: whether the caller has not set `validation_split`: rows are then divided into folds if possible, else
            by a fraction that depends on their number.
    """

    fraction: float = 0.2
    seed: int = 0
    group: str | None = None
    time: str | None = None
    split: str | None = None
    sample_weight: Role | None = None
    on_bad_file: str = "warn"
    is_free: bool = False

    @property
    def split_columns(self) -> list[str]:
        """The columns that determine the split."""
        return list(self.metadata.values())

    @property
    def metadata(self) -> dict[str, str]:
        """Role -> column, of the columns that determine the split."""
        roles = {"group": self.group, "time": self.time, "split": self.split}
        return {role: column for role, column in roles.items() if column is not None}

    @property
    def columns(self) -> list[str]:
        """The columns that determine the split or the weights."""
        return self.split_columns + role_columns(self.sample_weight)


@dataclass(frozen=True)
class SearchRows:
    """The rows of a search.

    Args:
        train: training rows.
        val: validation rows; None if the training rows have folds.
        metadata: JSON for the metadata of the models.
        stream: reads the inputs of a table that does not fit into memory; else None.
    """

    train: LabelledRows
    val: LabelledRows | None
    metadata: dict[str, Any]
    stream: Stream | None = None


def search_rows(table: Table, design: TableDesign, split_settings: SplitSettings, progress: Progress) -> SearchRows:
    """Splits a table in memory, and reports its design and its problems.

    Raises:
        DataError: there would be no training or no validation rows, or labels or files are invalid.
    """
    for note in table.notes:
        progress.log(f"note: {note}")
    report_design(design, progress)
    unparsed = {name: (len(rows), int(rows[0])) for name, rows in design.view.unparsed(table).items()}
    report_unparsed(unparsed, design, progress)
    leaks = warn_of_leaks(table, design)
    rows = len(table)
    numbers = np.arange(rows)
    if split_settings.on_bad_file == "drop":
        numbers = remaining_rows(unreadable_rows(table, design), rows)
        table = replace(table, frame=table.frame.iloc[numbers])
    elif split_settings.on_bad_file == "raise":
        check_files_are_readable(table, design)
    duplicates = duplicate_groups(table.frame.loc[:, design.view.required])
    checks = {**leaks, "duplicate_rows": len(duplicates) - len(np.unique(duplicates))}
    checks["split_by"] = split_settings.metadata
    x = design.view.x(table)
    cells = ((name, table_cells(table, design.view.schema[name]).values) for name in time_columns(design))
    parts = split_parts(table, x, design, split_settings, numbers, duplicates, cells, progress)
    dropped = np.setdiff1d(np.arange(rows), numbers)
    return SearchRows(parts[0], parts[1] if parts[1:] else None, split_metadata(design, checks, parts, dropped))


def split_parts(
    table: Table,
    x: Mapping[str, Any],
    design: TableDesign,
    split_settings: SplitSettings,
    numbers: np.ndarray,
    duplicates: np.ndarray,
    times_of_columns: Iterable[tuple[str, Any]],
    progress: Progress,
) -> list[LabelledRows]:
    """Training rows in folds; or training rows and validation rows.

    Args:
        table: N rows, with at least the columns of the targets and of the split.
        x: input name -> N rows; empty for a table that is read in batches.
        design: contains the heads.
        split_settings: how to split.
        numbers: (N,) the caller's number of each row.
        duplicates: (N,) integers that are equal for duplicate rows.
        times_of_columns: name and cells (N,) of each column of times.
        progress: logs.
    """
    is_periodic = split_settings.is_free and not split_settings.split_columns
    times = _first_times(times_of_columns, progress) if is_periodic else None
    has_split_column = split_settings.time is not None or split_settings.split is not None
    can_leave_out_folds = has_folds(design.inputs, design.summary)
    if split_settings.is_free and not has_split_column and can_leave_out_folds and len(table) >= MIN_FOLD_ROWS:
        y, weight, folds = labels_and_folds(table, design, split_settings, numbers, duplicates, times)
        if len(np.unique(folds)) == FOLDS:  # few groups or times make fewer folds
            groups = row_groups(table, split_settings)
            return [replace(select_rows(x, y, weight, np.arange(len(table)), numbers, groups), folds=folds)]
    if split_settings.is_free:
        split_settings = replace(split_settings, fraction=default_fraction(len(table)))
    y, weight, train, validation = labels_and_split(table, design, split_settings, numbers, duplicates)
    if times is not None:
        strata = _strata(design, y, numbers, of_numbers=False)
        train, validation = split_periods(times, split_settings.fraction, split_settings.seed, strata)
    report_split(table, split_settings, train, validation, progress)
    groups = row_groups(table, split_settings)
    parts = [select_rows(x, y, weight, index, numbers, groups) for index in (train, validation)]
    if any(block.linear_features() is not None for block in design.inputs) and not can_leave_out_folds:
        # The first stage is trained in folds.
        strata = [stratum[train] for stratum in _strata(design, y, numbers)]
        folds = fold_rows(
            table.frame.iloc[train],
            split_settings.seed,
            strata,
            duplicates[train],
            group=split_settings.group,
            times=None if times is None else times[train],
        )
        if len(np.unique(folds)) < FOLDS:
            folds = fold_rows(table.frame.iloc[train], split_settings.seed, strata)
        parts[0] = replace(parts[0], folds=folds)
    return parts


def time_columns(design: TableDesign) -> list[str]:
    """The columns of times that inputs read."""
    return [name for name in design.view.required if design.view.schema[name].kind == "time"]


def _first_times(times_of_columns: Iterable[tuple[str, Any]], progress: Progress) -> np.ndarray | None:
    """The cells (N,) of the first column with many distinct times; None if there is none."""
    for name, cells in times_of_columns:
        times = np.asarray(cells, "datetime64[s]")
        present = ~np.isnat(times)
        if present.mean() > _MIN_TIMES_FRACTION and len(np.unique(times[present])) >= _MIN_DISTINCT_TIMES:
            progress.log(
                f"validation rows are periods of time, by {name}, as rows that are close in time tend to be alike; "
                f"{spelled('validation_split', 0.2)} draws them at random, {spelled('time', name)} takes the latest"
            )
            return times
    return None


def report_split(
    table: Table, split_settings: SplitSettings, train: np.ndarray, validation: np.ndarray, progress: Progress
) -> None:
    """Logs how a column was understood that determines the split, with counts."""
    counts = f"{len(train):,} training rows, {len(validation):,} validation rows"
    if split_settings.split is not None:
        columns: Any = table.frame
        parts = read_split_column(columns[split_settings.split], split_settings.split)
        drawn = "" if len(parts.held_out) else f"; drawn from the training rows: {counts}"
        progress.log(f"split by {parts.meaning}{drawn}")
    elif split_settings.time is not None:
        progress.log(f"split by column {split_settings.time!r}: {counts} (the latest)")
    elif split_settings.group is not None:
        progress.log(f"split by column {split_settings.group!r}: {counts} (whole groups)")


def default_fraction(rows: int) -> float:
    """The fraction of validation rows if the caller does not set it.

    >>> default_fraction(500), default_fraction(50_000)
    (0.2, 0.1)
    """
    return 0.2 if rows < 2_000 else 0.15 if rows < 10_000 else 0.1


def labels_and_split(
    table: Table, design: TableDesign, split_settings: SplitSettings, numbers: np.ndarray, duplicates: np.ndarray
) -> tuple[dict[str, Any], RowWeights, np.ndarray, np.ndarray]:
    """Labels by head, weights (N,) or None, and the positions of training and of validation rows.

    Args:
        table: N rows, with at least the columns of the targets and of the split.
        design: contains the heads.
        split_settings: how to split.
        numbers: (N,) the caller's number of each row.
        duplicates: (N,) integers that are equal for duplicate rows.
    """
    y, weight = design.view.y(table), _weights(table, design, split_settings)
    train, validation = split_rows(
        table.frame,
        split_settings.fraction,
        split_settings.seed,
        _strata(design, y, numbers, of_numbers=split_settings.group is None),
        duplicates,
        group=split_settings.group,
        time=split_settings.time,
        split=split_settings.split,
    )
    return y, weight, train, validation


def labels_and_folds(
    table: Table,
    design: TableDesign,
    split_settings: SplitSettings,
    numbers: np.ndarray,
    duplicates: np.ndarray,
    times: np.ndarray | None,
) -> tuple[dict[str, Any], RowWeights, np.ndarray]:
    """Labels by head, weights (N,) or None, and the fold of each row (N,).

    Args:
        table: as in `labels_and_split`, like the next four.
        design: contains the heads.
        split_settings: how to split.
        numbers: (N,) the caller's number of each row.
        duplicates: (N,) integers that are equal for duplicate rows.
        times: (N,) datetimes if folds are periods of time; else None.
    """
    y, weight = design.view.y(table), _weights(table, design, split_settings)
    strata = _strata(design, y, numbers, of_numbers=split_settings.group is None)
    return (
        y,
        weight,
        fold_rows(table.frame, split_settings.seed, strata, duplicates, group=split_settings.group, times=times),
    )


def _strata(
    design: TableDesign, y: Mapping[str, Any], numbers: np.ndarray, *, of_numbers: bool = True
) -> list[np.ndarray]:
    with using_row_numbers(numbers):
        return label_strata({str(head.name): head for head in design.heads}, y, numbers=of_numbers)


def _weights(table: Table, design: TableDesign, split_settings: SplitSettings) -> RowWeights:
    columns: Any = table.frame
    weight = split_settings.sample_weight
    if weight is None or isinstance(weight, str):
        return None if weight is None else row_weights(columns[weight], len(table))
    targets = design.view.targets
    by_head = {head: columns[weight[column]] for head, column in targets.items() if column in weight}
    return row_weights(by_head, len(table), list(targets))


def row_groups(table: Table, split_settings: SplitSettings) -> np.ndarray | None:
    """(N,) integers, equal for rows of the same group; None without a column of groups."""
    import pandas as pd

    columns: Any = table.frame
    return (
        None if split_settings.group is None else pd.factorize(columns[split_settings.group], use_na_sentinel=False)[0]
    )


def select_rows(
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    weight: RowWeights,
    rows: np.ndarray,
    numbers: np.ndarray,
    groups: np.ndarray | None = None,
) -> LabelledRows:
    """Selects rows by their positions.

    Args:
        x: input name -> N rows.
        y: head name -> N labels.
        weight: (N,), or head name -> such, or None.
        rows: positions of the selected rows.
        numbers: (N,) the caller's number of each row.
        groups: (N,), as of `LabelledRows`.
    """
    x, y = ({name: take(values, rows) for name, values in columns.items()} for columns in (x, y))
    groups = None if groups is None else groups[rows]
    return LabelledRows(x, y, take_weights(weight, rows), len(rows), numbers[rows], groups=groups)


def split_metadata(
    design: TableDesign, more: Mapping[str, Any], parts: Sequence[LabelledRows], dropped: np.ndarray
) -> dict[str, Any]:
    """The metadata of a table and its split, as JSON.

    Args:
        design: tasks and left-out columns.
        more: further metadata.
        parts: training and, if there are any, validation rows.
        dropped: the caller's numbers of the rows that were left out.
    """
    return {
        **more,
        "tasks": {name: {"kind": task.kind, "reason": task.reason} for name, task in design.tasks.items()},
        "left_out": design.left_out,
        "dropped_rows": dropped.tolist(),
        "rows": {"train": parts[0].size, "held_out": sum(part.size for part in parts[1:])},
        "folds": 0 if parts[0].folds is None else int(parts[0].folds.max()) + 1,
    }


def remaining_rows(unreadable: set[int], rows: int) -> np.ndarray:
    """The positions of all rows but the unreadable ones.

    Raises:
        DataError: no row remains.
    """
    remaining = np.setdiff1d(np.arange(rows), sorted(unreadable))
    if not len(remaining):
        raise DataError(f"Every row has a file that cannot be read; see {spelled('on_bad_file')}.")
    return remaining
