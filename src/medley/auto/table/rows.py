"""The rows of a table on their way to a search: which train, which are held out, what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medley.auto.rows import strata
from medley.auto.table.graph import has_folds
from medley.auto.table.plan import Plan, Role, role_columns
from medley.auto.table.split import fold_rows, held_out_blocks, split_rows
from medley.auto.table.split_column import read_split_column
from medley.core.batch import RowWeights
from medley.core.row_reporting import using_row_numbers
from medley.data.rows import take
from medley.data.split import FOLDS
from medley.errors import DataError, listing, spelled, warn
from medley.model.encoding import row_weights, take_weights
from medley.search.labelled_rows import LabelledRows
from medley.search.progress import Progress
from medley.search.stream import Stream
from medley.tables.checks.leaks import duplicate_groups, leaks
from medley.tables.columns.cells import table_cells
from medley.tables.reading.read import Table

MOST_TOLD = 10
LEAST_ROWS = 20
"""Rows from which on they are divided into folds."""

_MOSTLY, _MANY_MOMENTS = 0.9, 20


@dataclass(frozen=True)
class SplitSpec:
    """How rows are divided.

    Args:
        fraction: fraction that is held out, where no column says which rows are.
        seed: of the draw.
        group: column; rows of one value stay on one side.
        time: column; the latest rows are held out.
        split: column that says it itself.
        sample_weight: column of weights, or target's column -> such.
        on_bad_file: `"drop"` leaves out rows whose images cannot be read.
        is_free: whether the caller leaves it to us how rows are validated on: in folds where that is possible, else by
            a fraction that depends on their number.
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
    def columns_for_split(self) -> list[str]:
        """Columns that say which rows belong together or are held out."""
        return [column for column in (self.group, self.time, self.split) if column is not None]

    @property
    def columns(self) -> list[str]:
        """Those that are named."""
        return [*self.columns_for_split, *role_columns(self.sample_weight)]


@dataclass(frozen=True)
class SplitRows:
    """Rows for a search.

    Args:
        train: to learn from.
        val: to compare trials on; None where the training rows have folds.
        about: JSON for the models' facts.
        stream: where inputs' rows come from, if they are not in memory.
    """

    train: LabelledRows
    val: LabelledRows | None
    about: dict[str, Any]
    stream: Stream | None = None


def divide_table(table: Table, plan: Plan, how: SplitSpec, progress: Progress) -> SplitRows:
    """Divides a table that is in memory; tells what was understood.

    Raises:
        DataError: a side would be empty, or labels or images break a rule.
    """
    for note in table.notes:
        progress.log(f"note: {note}")
    tell_plan(plan, progress)
    tell_unread({name: (len(rows), int(rows[0])) for name, rows in plan.view.unparsed(table).items()}, plan, progress)
    told = warn_of_leaks(table, plan)
    rows = len(table)
    numbers = np.arange(rows)
    if how.on_bad_file == "drop":
        numbers = without(bad_images(table, plan), rows)
        table = replace(table, frame=table.frame.iloc[numbers])
    elif how.on_bad_file == "raise":
        refuse_bad_images(table, plan)
    same = duplicate_groups(table.frame.loc[:, plan.view.required])
    x = plan.view.x(table)
    dropped = np.setdiff1d(np.arange(rows), numbers)
    moments = _moments(table, plan) if how.is_free and not how.columns_for_split else None
    if moments is not None:
        column, blocks = moments
        progress.log(
            f"validation rows are periods of time, by {column}, as rows that are close in time tend to be alike; "
            f"{spelled('validation_split', 0.2)} draws them at random, {spelled('time', column)} takes the latest"
        )
    else:
        blocks = None
    y, weight = plan.view.y(table), weights_of(table, plan, how)
    with using_row_numbers(numbers):
        heads = {str(head.name): head for head in plan.heads}
        codes = strata(heads, y, numbers=how.group is None and blocks is None)
    if how.is_free and how.time is None and how.split is None and has_folds(plan.inputs) and len(table) >= LEAST_ROWS:
        folds = fold_rows(table.frame, how.seed, codes, same, group=how.group, blocks=blocks)
        if len(np.unique(folds)) == FOLDS:  # fewer groups or moments make fewer folds
            part = replace(part_of(x, y, weight, np.arange(len(table)), numbers), folds=folds)
            return SplitRows(part, None, about(plan, told, [part], dropped))
    if how.is_free:
        how = replace(how, fraction=default_fraction(len(table)))
    if blocks is not None:
        train, held = held_out_blocks(blocks, how.fraction, how.seed, codes)
    else:
        train, held = split_rows(
            table.frame, how.fraction, how.seed, codes, same, group=how.group, time=how.time, given=how.split
        )
        report_split(table, how, train, held, progress)
    parts = [part_of(x, y, weight, side, numbers) for side in (train, held)]
    if any(block.linear_features() is not None for block in plan.inputs) and not has_folds(plan.inputs):
        # A first stage is trained in folds.
        inner = [stratum[train] for stratum in codes]
        when = None if blocks is None else blocks[train]
        folds = fold_rows(table.frame.iloc[train], how.seed, inner, same[train], group=how.group, blocks=when)
        if len(np.unique(folds)) < FOLDS:
            folds = fold_rows(table.frame.iloc[train], how.seed, inner)
        parts[0] = replace(parts[0], folds=folds)
    return SplitRows(parts[0], parts[1], about(plan, told, parts, dropped))


def report_split(table: Table, how: SplitSpec, train: np.ndarray, held: np.ndarray, progress: Progress) -> None:
    """Reports how a column was understood that says which rows are held out."""
    counts = f"{len(train):,} training rows, {len(held):,} validation rows"
    if how.split is not None:
        columns: Any = table.frame
        parts = read_split_column(columns[how.split], how.split)
        drawn = "" if len(parts.held_out) else f"; drawn from the training rows: {counts}"
        progress.log(f"split by {parts.meaning}{drawn}")
    elif how.time is not None:
        progress.log(f"split by column {how.time!r}: {counts} (the latest)")
    elif how.group is not None:
        progress.log(f"split by column {how.group!r}: {counts} (whole groups)")


def weights_of(table: Table, plan: Plan, how: SplitSpec) -> RowWeights:
    """Sample weights of a table's rows: of all heads, or by head name.

    Raises:
        DataError: cells are no weights.
    """
    columns: Any = table.frame
    if how.sample_weight is None or isinstance(how.sample_weight, str):
        return None if how.sample_weight is None else row_weights(columns[how.sample_weight], len(table))
    by_head = {
        head: columns[how.sample_weight[column]]
        for head, column in plan.view.targets.items()
        if column in how.sample_weight
    }
    return row_weights(by_head, len(table), list(plan.view.targets))


def _moments(table: Table, plan: Plan) -> tuple[str, np.ndarray] | None:
    """The first column of times that has many of them, and its moments (N,); None where there is none."""
    for feed in plan.view.feeds:
        for name in feed.columns:
            if plan.view.schema[name].kind != "time":
                continue
            cells = table_cells(table, plan.view.schema[name])
            moments = np.asarray(cells.values, "datetime64[s]")
            present = ~np.isnat(moments)
            if present.mean() > _MOSTLY and len(np.unique(moments[present])) >= _MANY_MOMENTS:
                return name, moments
    return None


def default_fraction(rows: int) -> float:
    """The fraction of the rows that is held out where the caller says nothing.

    >>> default_fraction(500), default_fraction(50_000)
    (0.2, 0.1)
    """
    return 0.2 if rows < 2_000 else 0.15 if rows < 10_000 else 0.1


def part_of(
    x: Mapping[str, Any], y: Mapping[str, Any], weight: RowWeights, rows: np.ndarray, numbers: np.ndarray
) -> LabelledRows:
    """Some rows."""
    x, y = ({name: take(values, rows) for name, values in one.items()} for one in (x, y))
    return LabelledRows(x, y, take_weights(weight, rows), len(rows), numbers[rows])


def about(plan: Plan, told: Mapping[str, Any], parts: Sequence[LabelledRows], dropped: np.ndarray) -> dict[str, Any]:
    """What a model keeps of how it came about; JSON."""
    return {
        **told,
        "tasks": {name: {"kind": task.kind, "reason": task.reason} for name, task in plan.tasks.items()},
        "left_out": plan.left_out,
        "dropped_rows": dropped.tolist(),
        "rows": {"train": parts[0].size, "held_out": sum(part.size for part in parts[1:])},
        "folds": 0 if parts[0].folds is None else int(parts[0].folds.max()) + 1,
    }


def tell_plan(plan: Plan, progress: Progress) -> None:
    """Tells what was understood."""
    for name, task in plan.tasks.items():
        progress.log(f"target {name}: {task.kind} ({task.reason})")
    for feed in plan.view.feeds:
        columns = [f"{name} ({plan.view.schema[name].kind})" for name in feed.columns]
        progress.log(f"input {feed.name}: {listing(columns, 'see `medley inspect`')}")
    reasons: dict[str, list[str]] = {}
    for name, reason in plan.left_out.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        progress.log(f"left out {listing(names, 'see `medley inspect`')}: {reason}")


def tell_unread(unread: Mapping[str, tuple[int, int]], plan: Plan, progress: Progress) -> None:
    """Tells of cells that are nothing of their column's kind: column -> how many, and the first one's row."""
    for name, (count, first) in unread.items():
        kind = plan.view.schema[name].kind
        progress.log(f"{name}: {count:,} cells are no {kind} and count as missing, the first in row {first}")


def warn_of_leaks(table: Table, plan: Plan) -> dict[str, Any]:
    """Warns of columns that determine a target; returns them as JSON."""
    used = set(plan.view.required)
    found = [one for one in leaks(table, plan.view.schema, plan.tasks) if one.column in used]
    for one in found:
        unused = spelled("column_kinds", {one.column: "unused"})
        warn(f"{one} If it is not known when you predict, leave it out: {unused}.")
    return {"leaks": [{"column": one.column, "target": one.target, "how": one.relation} for one in found]}


def bad_images(table: Table, plan: Plan) -> set[int]:
    """Positions of rows that hold a file that cannot be read."""
    return {row for _, reasons in _unreadable(table, plan) for row in reasons}


def refuse_bad_images(table: Table, plan: Plan) -> None:
    """Makes sure that all files can be read.

    Raises:
        DataError: some cannot; lists those of all rows, whichever side of the split they are on.
    """
    found = [
        f"- {name}, {reason}"
        for name, reasons in _unreadable(table, plan)
        for row in sorted(reasons)
        for reason in reasons[row]
    ]
    if found:
        more = [f"- and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
        noun = "file" if len(found) == 1 else "files"
        head = f"{len(found)} {noun} cannot be read; {spelled('on_bad_file', 'warn')} treats them as missing."
        raise DataError("\n".join([head, *found[:MOST_TOLD], *more]))


def _unreadable(table: Table, plan: Plan) -> Iterator[tuple[str, Mapping[int, Sequence[str]]]]:
    """For each input whose columns name files, its rows that cannot be read, with the reasons."""
    files = set(plan.view.files)
    names = [feed.name for feed in plan.view.feeds if files & set(feed.columns)]
    for name, rows in plan.view.only(names).x(table).items():
        block = next(block for block in plan.inputs if block.name == name)
        yield name, block.codec().unreadable_rows(rows)


def without(bad: set[int], rows: int) -> np.ndarray:
    """The positions of the other rows.

    Raises:
        DataError: there are none.
    """
    keep = np.setdiff1d(np.arange(rows), sorted(bad))
    if not len(keep):
        raise DataError(f"Every row holds a file that cannot be read; see {spelled('on_bad_file')}.")
    return keep
