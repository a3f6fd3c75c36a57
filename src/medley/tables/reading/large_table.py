"""Tables larger than memory: one pass counts the rows, draws a sample and reads some columns in full."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import DataError
from medley.tables.reading.files import DELIMITED, PARQUET, TableFiles, format_of, locate
from medley.tables.reading.memory import frame_bytes
from medley.tables.reading.read import Table, batches, tables_of
from medley.tables.reading.shards import Shard

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 50_000
"""The maximum number of rows in a sample."""

_LEAST_BATCH_ROWS, _MOST_BATCH_ROWS = 16, 65_536
_PEEK_ROWS = 256
_BATCH_BYTES = (4 * 2**20, 64 * 2**20)
_SAMPLE_BYTES = (8 * 2**20, 512 * 2**20)


@dataclass(frozen=True)
class LargeTable:
    """A table in files that is read in batches.

    Args:
        path: the file, the folder, or what `files.locate` found.
        root: the folder that relative paths in its cells start from.
        memory: bytes of memory that may be used; they determine the size of batches and samples.
        as_text: columns whose cells are read as text (as in `read.read`).
        row_bytes: approximate size of a row in memory.
    """

    path: Path | TableFiles
    root: Path
    memory: int
    as_text: frozenset[str] = frozenset()
    row_bytes: float = 0.0

    def batches(
        self, only: Collection[str] | None = None, extra_row_bytes: float = 0.0, shard: Shard | None = None
    ) -> Iterator[tuple[int, Table]]:
        """Yield batch after batch: the position of its first row, and its rows.

        Args:
            only: the columns to read; by default all.
            extra_row_bytes: bytes per row that the caller needs in addition.
            shard: the rows to read; by default all.
        """
        low, high = _BATCH_BYTES
        rows = min(max(self.memory // 16, low), high) / max(self.row_bytes + extra_row_bytes, 1.0)
        start = 0 if shard is None else shard.start
        size = int(min(max(rows, _LEAST_BATCH_ROWS), _MOST_BATCH_ROWS))
        for frame in batches(self.path, size, as_text=self.as_text, only=only, shard=shard):
            yield start, Table(frame, self.root, str(self.path))
            start += len(frame)

    @property
    def is_sharded(self) -> bool:
        """Whether parts of it can be read on any machine: it is in remote Parquet files."""
        if not isinstance(self.path, TableFiles) or not self.path.urls:
            return False
        return all(path.suffix.lower() in PARQUET for path in self.path.paths)

    def digest(self) -> str:
        """A checksum of the content of the files."""
        checksum = hashlib.blake2b(digest_size=16)
        for path in tables_of(self.path):
            with path.open("rb") as file:
                checksum.update(hashlib.file_digest(file, "blake2b").digest())
        return checksum.hexdigest()


def large_table(table: Any, root: Any, memory: int) -> LargeTable:
    """A table that is too large for the memory.

    Args:
        table: files, in any form that `files.locate` takes.
        root: the folder that relative paths in cells start from; None for the folder of the files.
        memory: bytes of memory that may be used.
    """
    source = locate(table)
    return LargeTable(source, source.folder if root is None else Path(root), memory)


@dataclass(frozen=True)
class Scan:
    """The results of one pass over a table.

    Args:
        table: the table, with `as_text` set so that batches have the column types that `read` would give.
        rows: the number of rows N.
        sample: rows drawn at random, in order; all rows if they are few.
        positions: the positions of the sampled rows in the table (S,).
        full: some columns of all rows (N, ...).
    """

    table: LargeTable
    rows: int
    sample: Table
    positions: np.ndarray
    full: Table

    @property
    def is_whole(self) -> bool:
        """Whether the sample consists of all rows."""
        return len(self.positions) == self.rows


def scan(table: LargeTable, full: Sequence[str], seed: int, *, rows: int = SAMPLE_ROWS) -> Scan:
    """Read a table once, in bounded memory except for the columns that are needed in full.

    If cells of a text file's column look like numbers in one batch and like words in another, the column is text, as
    it would be if the file were read at once; the table is then read a second time.

    Args:
        table: the table.
        full: columns to return for all rows; names that are not in the table are ignored.
        seed: seed of the sample.
        rows: the maximum size of the sample; it is smaller if memory is small.

    Raises:
        DataError: it cannot be read, or holds no rows.
    """
    low, high = _SAMPLE_BYTES
    sample = _ReservoirSample(rows, min(max(table.memory // 8, low), high), seed)
    full_frames: list[pd.DataFrame] = []
    types: dict[str, set[str]] = {}
    total, widest = 0, 0.0
    for start, batch in _with_row_bytes(table).batches():
        frame: Any = batch.frame
        total, widest = start + len(frame), max(widest, frame_bytes(frame) / len(frame))
        for name in frame.columns:
            types.setdefault(name, set()).update(_cell_types(frame[name]))
        full_frames.append(frame[[name for name in frame.columns if name in full]].copy())
        sample.add(frame, start)
    if not total:
        raise DataError(f"{str(table.path)!r} holds no rows.")
    mixed = {name for name, column_types in types.items() if len(column_types) > 1}
    if mixed - table.as_text and not _is_typed(table.path):
        return scan(replace(table, as_text=table.as_text | mixed), full, seed, rows=rows)
    frame, positions = sample.result()
    origin = str(table.path)
    return Scan(
        replace(table, row_bytes=widest),
        total,
        Table(frame, table.root, origin),
        positions,
        Table(concatenate(full_frames), table.root, origin),
    )


def concatenate(frames: Sequence[Any]) -> pd.DataFrame:
    """Concatenate frames by rows; a column without values in one frame gets its type from the others."""
    import pandas as pd

    dtypes = {
        name: next((frame[name].dtype for frame in frames if frame[name].notna().any()), None)
        for name in frames[0].columns
    }
    aligned = []
    for frame in frames:
        empty = {
            name: pd.Series([None] * len(frame), frame.index, dtype=dtypes[name])
            for name in frame.columns
            if _is_object(dtypes[name]) and frame[name].dtype != dtypes[name] and frame[name].isna().all()
        }
        aligned.append(frame.assign(**empty) if empty else frame)
    return pd.concat(aligned, ignore_index=True)


def draw(
    table: LargeTable, eligible: np.ndarray, only: Collection[str], seed: int, rows: int
) -> tuple[Table, np.ndarray]:
    """Draw a sample of the eligible rows, in one more pass over the table.

    Args:
        table: the table.
        eligible: mask (N,) of rows that may be drawn.
        only: the columns to read.
        seed: seed of the sample.
        rows: the maximum size of the sample.

    Returns:
        The rows, in order, and their positions.
    """
    low, high = _SAMPLE_BYTES
    sample = _ReservoirSample(rows, min(max(table.memory // 8, low), high), seed)
    for start, batch in table.batches(only):
        mask = eligible[start : start + len(batch)]
        if mask.any():
            sample.add(batch.frame, start, mask)
    frame, positions = sample.result()
    return Table(frame, table.root, str(table.path)), positions


@dataclass
class _ReservoirSample:
    """A uniform random sample over any number of batches: the rows with the smallest random keys.

    Args:
        rows: maximum number of rows.
        size: maximum number of bytes.
        seed: seed of the random keys.
    """

    rows: int
    size: int
    seed: int
    threshold: float = 1.0
    frames: list[pd.DataFrame] = field(default_factory=list)
    positions: list[np.ndarray] = field(default_factory=list)
    keys: list[np.ndarray] = field(default_factory=list)
    n_bytes: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def add(self, frame: pd.DataFrame, start: int, mask: np.ndarray | None = None) -> None:
        keys = self._rng.random(len(frame))
        chosen = np.flatnonzero((keys < self.threshold) if mask is None else (keys < self.threshold) & mask)
        rows = frame.iloc[chosen].copy()
        self.frames.append(rows)
        self.positions.append(start + chosen)
        self.keys.append(keys[chosen])
        self.n_bytes += frame_bytes(rows)
        if self.n_bytes > 1.5 * self.size or sum(map(len, self.keys)) > 1.5 * self.rows:
            self._trim()

    def result(self) -> tuple[pd.DataFrame, np.ndarray]:
        self._trim()
        return self.frames[0], self.positions[0]

    def _trim(self) -> None:
        frame, positions, keys = concatenate(self.frames), np.concatenate(self.positions), np.concatenate(self.keys)
        fitting = int(len(keys) * min(1.0, self.size / max(frame_bytes(frame), 1)))
        size = max(min(self.rows, fitting), min(len(keys), 1))
        if size < len(keys):
            self.threshold = float(np.partition(keys, size)[size])
            chosen = np.flatnonzero(keys < self.threshold)
            frame, positions, keys = frame.iloc[chosen].reset_index(drop=True), positions[chosen], keys[chosen]
        self.frames, self.positions, self.keys, self.n_bytes = [frame], [positions], [keys], frame_bytes(frame)


def _with_row_bytes(table: LargeTable) -> LargeTable:
    """Set `row_bytes` to a first estimate from a few rows."""
    for frame in batches(table.path, _PEEK_ROWS, as_text=table.as_text):
        return replace(table, row_bytes=frame_bytes(frame) / len(frame))
    return table


def _cell_types(series: Any) -> set[str]:
    """The types that the cells of one batch have when read from a text file; empty if all are missing."""
    import pandas as pd

    if not series.notna().any():
        return set()
    kind: Any = getattr(series.dtype, "kind", "O")
    if kind == "O":
        return {"boolean" if pd.api.types.infer_dtype(series, skipna=True) == "boolean" else "text"}
    return {"boolean" if kind == "b" else "number" if kind in "iuf" else "text"}


def _is_object(dtype: Any) -> bool:
    return dtype is not None and getattr(dtype, "kind", "O") == "O"


def _is_typed(path: Path | TableFiles) -> bool:
    """Whether the file format stores the types of the columns."""
    return not any(format_of(file) in DELIMITED for file in tables_of(path))
