"""The rows of a table that does not fit into memory: columns are inferred on a sample, all rows are read in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from medley.auto.table.design import TableDesign
from medley.auto.table.reports import report_design, report_unparsed, unreadable_rows, warn_of_leaks
from medley.auto.table.search_rows import (
    SearchRows,
    SplitSettings,
    remaining_rows,
    split_metadata,
    split_parts,
    time_columns,
)
from medley.cache import folder as cache
from medley.core.row_reporting import using_row_numbers
from medley.errors import MedleyError
from medley.search.labelled_rows import LabelledRows, row_numbers
from medley.search.progress import Progress
from medley.search.table_stream import LEFT_OUT, TRAIN, VALIDATION, TableStream
from medley.tables.checks.leaks import row_hashes
from medley.tables.reading.large_table import SAMPLE_ROWS, LargeTable, Scan, draw, large_table, scan
from medley.tables.reading.memory import format_bytes
from medley.tables.reading.read import Table, notes_of
from medley.tables.view import TableView

_MIN_SAMPLE = 2_000
"""Fewer training rows in a sample are too few, if the table has more."""

_PROBED_ROWS = 200


def are_images_large(table: Table, design: TableDesign, memory: int) -> bool:
    """Whether the encoded images of a table would take more memory than `memory` bytes."""
    probe = Table(table.frame.head(_PROBED_ROWS), table.root, table.origin)
    total = 0
    files = set(design.view.files)
    for feed, block in zip(design.view.feeds, design.inputs, strict=True):
        if files & set(feed.columns):
            name = str(block.name)
            try:
                spec = block.codec().fit(design.view.only([name]).x(probe)[name]).spec
            except MedleyError:  # reported when all rows are read
                continue
            total += len(table) * int(np.prod(spec.shape)) * (1 if spec.dtype == "uint8" else 4)
    return total > memory


def scan_table(table: Any, root: Any, memory: int, columns: Sequence[str], seed: int, progress: Progress) -> Scan:
    """Reads a large table once: a random sample of its rows, and some columns of all rows.

    Args:
        table: its files.
        root: the folder that relative paths start from; default: the table's folder.
        memory: memory limit in bytes.
        columns: the columns that are needed of all rows: targets, and the columns that determine the split.
        seed: random seed of the sample.
        progress: logs.
    """
    source = large_table(table, root, memory)
    table_scan = scan(source, columns, seed)
    size = f"{table_scan.rows:,} rows, read in batches, as they would take more than {format_bytes(memory)} of memory"
    sampled = f"; kinds are inferred from {len(table_scan.sample):,} of them, drawn at random"
    for note in notes_of(source.path):
        progress.log(f"note: {note}")
    progress.log(f"{source.path}: {size}{'' if table_scan.is_whole else sampled}")
    return table_scan


def large_search_rows(
    table_scan: Scan, design: TableDesign, split_settings: SplitSettings, progress: Progress
) -> SearchRows:
    """Splits a large table in one pass over its rows, as `search_rows` does; the rows of its inputs become a stream.

    Raises:
        DataError: there would be no training or no validation rows, or labels or files are invalid.
    """
    report_design(design, progress)
    metadata = warn_of_leaks(table_scan.sample, design)
    batch_results = _BatchResults(table_scan.rows)
    view, drop = design.view, split_settings.on_bad_file == "drop"
    table = replace(table_scan.table, as_text=table_scan.table.as_text | set(view.text_columns))
    for start, batch in table.batches(view.required):
        batch_results.add(start, batch, design, drop=drop)
        progress.show_rows("reading", start + len(batch), table_scan.rows)
    progress.show_rows("", table_scan.rows, table_scan.rows)
    report_unparsed(batch_results.unparsed, design, progress)
    numbers = remaining_rows(batch_results.unreadable, table_scan.rows)
    labels = Table(table_scan.full.frame.iloc[numbers], table_scan.table.root, table_scan.full.origin)
    duplicates = _duplicate_groups(batch_results.hashes[numbers])
    metadata["duplicate_rows"] = len(duplicates) - len(np.unique(duplicates))
    times = ((name, times[numbers]) for name, times in batch_results.times.items())
    parts = split_parts(labels, {}, design, split_settings, numbers, duplicates, times, progress)
    part_of_row = np.full(table_scan.rows, LEFT_OUT, np.int8)
    for part, rows in zip((TRAIN, VALIDATION), parts, strict=False):
        part_of_row[row_numbers(rows)] = part
    sample = _training_sample(table_scan, table, view, part_of_row, split_settings.seed)
    if sample.size < parts[0].size:
        progress.log(f"inputs are fitted to a sample of {sample.size:,} of {parts[0].size:,} training rows")
    digest = cache.digest(table.digest(), batch_results.files.hexdigest(), part_of_row)
    stream = TableStream(table, view, part_of_row, sample, digest, progress, parts[0].folds)
    dropped = np.array(sorted(batch_results.unreadable), np.int64)
    metadata |= {"learnt_from": sample.size, "split_by": split_settings.metadata}
    validation = parts[1] if parts[1:] else None
    return SearchRows(parts[0], validation, split_metadata(design, metadata, parts, dropped), stream)


@dataclass
class _BatchResults:
    """What is gathered in one pass over all batches of a table.

    Args:
        rows: number of rows N.

    Attributes:
        hashes: (N,) equal for rows that are equal in all columns of inputs.
        files: a checksum of the files whose paths are in cells.
        unparsed: column -> number of cells that cannot be parsed, and the row of the first.
        unreadable: rows with a file that cannot be read, if these are dropped.
        times: column of times -> (N,) its cells.
    """

    rows: int
    files: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    unparsed: dict[str, tuple[int, int]] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)
    times: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hashes = np.zeros(self.rows, np.uint64)

    def add(self, start: int, batch: Table, design: TableDesign, *, drop: bool) -> None:
        columns = design.view.cells(batch)
        for name, cells in columns.items():
            if len(cells.unparsed):
                count, first = self.unparsed.get(name, (0, start + int(cells.unparsed[0])))
                self.unparsed[name] = (count + len(cells.unparsed), first)
        self.hashes[start : start + len(batch)] = row_hashes([cells.values for cells in columns.values()])
        for name in time_columns(design):
            times = self.times.setdefault(name, np.full(self.rows, "NaT", "datetime64[s]"))
            times[start : start + len(batch)] = np.asarray(columns[name].values, "datetime64[s]")
        for name in design.view.files:
            _update_checksum(self.files, columns[name].values)
        if drop:
            with using_row_numbers(start + np.arange(len(batch))):
                self.unreadable.update(start + row for row in unreadable_rows(batch, design))


def _update_checksum(checksum: Any, cells: Sequence[Any]) -> None:
    """Adds the content of the files whose paths are in cells."""
    for cell in cells:
        for path in cell if isinstance(cell, list | tuple) else [cell]:
            if isinstance(path, str | PathLike) and len(str(path)) < 4096:
                try:
                    checksum.update(hashlib.blake2b(Path(path).read_bytes(), digest_size=16).digest())
                except (OSError, ValueError):
                    checksum.update(b"none")


def _training_sample(
    table_scan: Scan, table: LargeTable, view: TableView, part_of_row: np.ndarray, seed: int
) -> LabelledRows:
    """The training rows of the scanned sample, or another sample of training rows if they are too few."""
    is_training = part_of_row[table_scan.positions] == TRAIN
    rows, positions = table_scan.sample, table_scan.positions[is_training]
    sample = Table(rows.frame.iloc[np.flatnonzero(is_training)], rows.root, rows.origin)
    if len(positions) < min(_MIN_SAMPLE, int((part_of_row == TRAIN).sum())):
        sample, positions = draw(table, part_of_row == TRAIN, view.required, seed, SAMPLE_ROWS)
    return LabelledRows(view.x(sample), {}, None, len(sample), positions)


def _duplicate_groups(hashes: np.ndarray) -> np.ndarray:
    import pandas as pd

    return pd.factorize(hashes)[0]
