"""The rows of a table on their way to a search: which train, which are held out, what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from medley.auto.rows import strata
from medley.auto.table.graph import has_folds
from medley.auto.table.plan import Plan
from medley.auto.table.split import fold_rows, held_out_blocks, split_rows
from medley.core.row_reporting import using_row_numbers
from medley.data.rows import take
from medley.errors import DataError, spelled, warn
from medley.model.encoding import row_weights
from medley.search.labelled_rows import LabelledRows
from medley.search.progress import Progress
from medley.search.stream import Stream
from medley.tables.checks.leaks import duplicate_groups, leaks
from medley.tables.columns.cells import table_cells
from medley.tables.reading.read import Table

MOST_TOLD = 10
MAX_COLUMNS = 12
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
        sample_weight: column of weights.
        on_bad_file: `"drop"` leaves out rows whose images cannot be read.
        is_free: whether the caller leaves it to us how rows are validated on: in folds where that is possible, else by
            a fraction that depends on their number.
    """

    fraction: float = 0.2
    seed: int = 0
    group: str | None = None
    time: str | None = None
    split: str | None = None
    sample_weight: str | None = None
    on_bad_file: str = "warn"
    is_free: bool = False

    @property
    def columns_for_split(self) -> list[str]:
        """Columns that say which rows belong together or are held out."""
        return [column for column in (self.group, self.time, self.split) if column is not None]

    @property
    def columns(self) -> list[str]:
        """Those that are named."""
        return [one for one in (self.group, self.time, self.split, self.sample_weight) if one is not None]


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
    if how.is_free and how.time is None and how.split is None and has_folds(plan.inputs) and len(table) >= LEAST_ROWS:
        y, weight, folds = folded(table, plan, how, numbers, same, blocks)
        part = replace(part_of(x, y, weight, np.arange(len(table)), numbers), folds=folds)
        return SplitRows(part, None, about(plan, told, [part], dropped))
    if how.is_free:
        how = replace(how, fraction=default_fraction(len(table)))
    y, weight, train, held = sides(table, plan, how, numbers, same)
    if blocks is not None:
        train, held = held_out_blocks(blocks, how.fraction, how.seed)
    parts = [part_of(x, y, weight, side, numbers) for side in (train, held)]
    if any(block.linear_features() is not None for block in plan.inputs) and not has_folds(plan.inputs):
        # A first stage is trained in folds.
        with using_row_numbers(numbers):
            codes = strata({str(head.name): head for head in plan.heads}, y)
        folds = fold_rows(
            table.frame.iloc[train],
            how.seed,
            [stratum[train] for stratum in codes],
            same[train],
            group=how.group,
            blocks=None if blocks is None else blocks[train],
        )
        parts[0] = replace(parts[0], folds=folds)
    return SplitRows(parts[0], parts[1], about(plan, told, parts, dropped))


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


def sides(
    table: Table, plan: Plan, how: SplitSpec, numbers: np.ndarray, same: np.ndarray
) -> tuple[dict[str, Any], np.ndarray | None, np.ndarray, np.ndarray]:
    """Labels, weights, and which rows train and which are held out.

    Args:
        table: N rows; needs the targets' columns and those of the division.
        plan: says what targets are.
        how: the division.
        numbers: (N,) the caller's number of each row.
        same: (N,) codes that duplicates share.
    """
    y = plan.view.y(table)
    columns: Any = table.frame
    weight = None if how.sample_weight is None else row_weights(columns[how.sample_weight], len(table))
    with using_row_numbers(numbers):
        codes = strata({str(head.name): head for head in plan.heads}, y)
    train, held = split_rows(
        table.frame, how.fraction, how.seed, codes, same, group=how.group, time=how.time, given=how.split
    )
    return y, weight, train, held


def folded(
    table: Table, plan: Plan, how: SplitSpec, numbers: np.ndarray, same: np.ndarray, blocks: np.ndarray | None
) -> tuple[dict[str, Any], np.ndarray | None, np.ndarray]:
    """Labels, weights, and the fold of each row.

    Args:
        table: as of `sides`, like the next four.
        plan: see there.
        how: see there.
        numbers: see there.
        same: see there.
        blocks: (N,) moments, where folds are periods of time.
    """
    y = plan.view.y(table)
    columns: Any = table.frame
    weight = None if how.sample_weight is None else row_weights(columns[how.sample_weight], len(table))
    with using_row_numbers(numbers):
        codes = strata({str(head.name): head for head in plan.heads}, y)
    return y, weight, fold_rows(table.frame, how.seed, codes, same, group=how.group, blocks=blocks)


def part_of(
    x: Mapping[str, Any], y: Mapping[str, Any], weight: np.ndarray | None, rows: np.ndarray, numbers: np.ndarray
) -> LabelledRows:
    """Some rows."""
    x, y = ({name: take(values, rows) for name, values in one.items()} for one in (x, y))
    return LabelledRows(x, y, None if weight is None else weight[rows], len(rows), numbers[rows])


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
        more = f", and {len(columns) - MAX_COLUMNS} more" if len(columns) > MAX_COLUMNS else ""
        progress.log(f"input {feed.name}: {', '.join(columns[:MAX_COLUMNS])}{more}")
    for name, why in plan.left_out.items():
        progress.log(f"left out {name}: {why}")


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
