"""The table API for tables that are larger than memory: a sample is looked at, all rows are read in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from medley.auto.table.plan import Plan
from medley.auto.table.rows import (
    SplitRows,
    SplitSpec,
    about,
    bad_images,
    part_of,
    sides,
    tell_plan,
    tell_unread,
    warn_of_leaks,
    without,
)
from medley.auto.table.stream import LEFT_OUT, TableStream
from medley.cache import folder as cache
from medley.core.row_reporting import using_row_numbers
from medley.errors import MedleyError
from medley.search.labelled_rows import LabelledRows
from medley.search.progress import Progress
from medley.tables.checks.leaks import row_hashes
from medley.tables.reading.large_table import SAMPLE_ROWS, LargeTable, Scan, draw, scan
from medley.tables.reading.memory import format_bytes
from medley.tables.reading.read import Table
from medley.tables.view import TableView

_FEWEST = 2_000
"""Training rows that a sample must hold, where there are so many."""

_LOOKED_AT = 200


def images_are_large(table: Table, plan: Plan, memory: int) -> bool:
    """Whether the images that a table names would take more memory than there is."""
    few = Table(table.frame.head(_LOOKED_AT), table.root, table.origin)
    total = 0
    files = set(plan.view.files)
    for feed, block in zip(plan.view.feeds, plan.inputs, strict=True):
        codec = block.codec()
        if files & set(feed.columns):
            try:
                spec = codec.fit(plan.view.only([str(block.name)]).x(few)[str(block.name)]).spec
            except MedleyError:  # told when all are read
                continue
            total += len(table) * int(np.prod(spec.shape)) * (1 if spec.dtype == "uint8" else 4)
    return total > memory


def scanned(table: Any, root: Any, memory: int, columns: Sequence[str], seed: int, progress: Progress) -> Scan:
    """Reads a large table once.

    Args:
        table: a file or folder.
        root: the folder that relative paths count from; the table's own, if None.
        memory: bytes that may be taken.
        columns: those that are needed of all rows: targets, and what says how rows are divided.
        seed: of the sample.
        progress: is told.
    """
    path = Path(table)
    own = path if path.is_dir() else path.parent
    known = scan(LargeTable(path, own if root is None else Path(root), memory), columns, seed)
    size = f"{known.rows:,} rows, read in batches, as they would take more than {format_bytes(memory)} of memory"
    few = "" if known.is_whole else f"; kinds are guessed by {len(known.sample):,} of them, drawn at random"
    progress.log(f"{path}: {size}{few}")
    return known


def divide_large(known: Scan, plan: Plan, how: SplitSpec, progress: Progress) -> SplitRows:
    """Divides a table by one pass over it; its inputs' rows become a stream.

    Raises:
        DataError: a side would be empty, or labels or images break a rule.
    """
    tell_plan(plan, progress)
    told = warn_of_leaks(known.sample, plan)
    passed = _Pass(known.rows)
    view, drop = plan.view, how.on_bad_file == "drop"
    table = replace(known.table, as_text=known.table.as_text | set(view.text_columns))
    for start, batch in table.batches(view.required):
        passed.add(start, batch, plan, drop=drop)
        progress.show_rows("reading", start + len(batch), known.rows)
    progress.show_rows("", known.rows, known.rows)
    tell_unread(passed.unread, plan, progress)
    numbers = without(passed.bad, known.rows)
    wholly = Table(known.full.frame.iloc[numbers], known.table.root, known.full.origin)
    y, weight, train, held = sides(wholly, plan, how, numbers, _first_codes(passed.hashes[numbers]))
    where = np.full(known.rows, LEFT_OUT, np.int8)
    where[numbers[train]], where[numbers[held]] = 0, 1
    parts = [part_of({}, y, weight, rows, numbers) for rows in (train, held)]
    sample = _training_sample(known, table, view, where, how.seed)
    if sample.size < parts[0].size:
        progress.log(f"inputs are learnt from a sample of {sample.size:,} of {parts[0].size:,} training rows")
    digest = cache.digest(table.digest(), passed.files.hexdigest(), where)
    stream = TableStream(table, view, where, sample, digest, progress)
    told["learnt_from"] = sample.size
    return SplitRows(parts[0], parts[1], about(plan, told, parts, np.array(sorted(passed.bad), np.int64)), stream)


@dataclass
class _Pass:
    """What one pass over all rows gathers.

    Args:
        rows: their number N.

    Attributes:
        hashes: (N,) equal where rows are equal in all columns that inputs read.
        files: a checksum of the files that cells name.
        unread: column -> how many cells are nothing of its kind, and the row of the first.
        bad: rows with an image that cannot be read, where they are asked for.
    """

    rows: int
    files: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    unread: dict[str, tuple[int, int]] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.hashes = np.zeros(self.rows, np.uint64)

    def add(self, start: int, batch: Table, plan: Plan, *, drop: bool) -> None:
        cells = plan.view.cells(batch)
        for name, one in cells.items():
            if len(one.unparsed):
                count, first = self.unread.get(name, (0, start + int(one.unparsed[0])))
                self.unread[name] = (count + len(one.unparsed), first)
        self.hashes[start : start + len(batch)] = row_hashes([one.values for one in cells.values()])
        for name in plan.view.files:
            _add_files(self.files, cells[name].values)
        if drop:
            with using_row_numbers(start + np.arange(len(batch))):
                self.bad.update(start + row for row in bad_images(batch, plan))


def _add_files(found: Any, cells: Sequence[Any]) -> None:
    """Adds the content of the files that cells name."""
    for cell in cells:
        for one in cell if isinstance(cell, list | tuple) else [cell]:
            if isinstance(one, str | PathLike) and len(str(one)) < 4096:
                try:
                    found.update(hashlib.blake2b(Path(one).read_bytes(), digest_size=16).digest())
                except (OSError, ValueError):
                    found.update(b"none")


def _training_sample(known: Scan, table: LargeTable, view: TableView, where: np.ndarray, seed: int) -> LabelledRows:
    """Training rows to learn from: those of the sample, or a sample of its own where they are too few."""
    mine = np.flatnonzero(where[known.positions] == 0)
    rows, places = known.sample, known.positions
    few, places = Table(rows.frame.iloc[mine], rows.root, rows.origin), places[mine]
    if len(places) < min(_FEWEST, int((where == 0).sum())):
        few, places = draw(table, where == 0, view.required, seed, SAMPLE_ROWS)
    return LabelledRows(view.x(few), {}, None, len(few), places)


def _first_codes(hashes: np.ndarray) -> np.ndarray:
    import pandas as pd

    return pd.factorize(hashes)[0]
