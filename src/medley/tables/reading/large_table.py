"""A table that does not fit into memory, read once: how many rows, a sample of them, and some columns whole."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.errors import DataError
from medley.tables.reading.memory import frame_bytes
from medley.tables.reading.read import Table, batches, tables_of

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_ROWS = 50_000
"""The most rows of a sample."""

_LEAST_BATCH, _MOST_BATCH = 16, 65_536
_PEEK = 256
_BATCH = (4 * 2**20, 64 * 2**20)
_SAMPLE = (8 * 2**20, 512 * 2**20)


@dataclass(frozen=True)
class LargeTable:
    """A table in a file or folder, of which batches are read.

    Args:
        path: the file or folder.
        root: the folder that relative paths in its cells count from.
        memory: bytes that may be taken: batches and samples are cut accordingly.
        as_text: columns whose cells stay as they are written (`source.read`).
        row_bytes: what a row takes in memory, about.
    """

    path: Path
    root: Path
    memory: int
    as_text: frozenset[str] = frozenset()
    row_bytes: float = 0.0

    def batches(self, only: Collection[str] | None = None, more: float = 0.0) -> Iterator[tuple[int, Table]]:
        """The position of the first row, and the rows, of one batch after the other.

        Args:
            only: the columns to read, if not all.
            more: bytes per row that the caller needs besides.
        """
        low, high = _BATCH
        rows = min(max(self.memory // 16, low), high) / max(self.row_bytes + more, 1.0)
        start = 0
        size = int(min(max(rows, _LEAST_BATCH), _MOST_BATCH))
        for frame in batches(self.path, size, as_text=self.as_text, only=only):
            yield start, Table(frame, self.root, str(self.path))
            start += len(frame)

    def digest(self) -> str:
        """A checksum of the files' bytes."""
        found = hashlib.blake2b(digest_size=16)
        for path in tables_of(self.path):
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "blake2b").digest())
        return found.hexdigest()


@dataclass(frozen=True)
class Scan:
    """What one pass over a table told.

    Args:
        table: the table, read from now on with the types that `read` would give its columns.
        rows: their number N.
        sample: some of them, drawn at random, in order; all where they are few.
        places: the position of each row of the sample (S,).
        wholly: some columns of all rows (N, ...).
    """

    table: LargeTable
    rows: int
    sample: Table
    places: np.ndarray
    wholly: Table

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all rows."""
        return len(self.places) == self.rows


def scan(table: LargeTable, wholly: Sequence[str], seed: int, *, rows: int = SAMPLE_ROWS) -> Scan:
    """Reads a table once, in bounded memory but for the columns that are wanted whole.

    A text file's column that looks like numbers in one batch and like words in another is a column of words, as it is
    where the file is read at once; the table is then read once more.

    Args:
        table: the table.
        wholly: columns that are kept of all rows; those that are not there are passed over.
        seed: of the sample.
        rows: the most rows of the sample; fewer, where the memory is small.

    Raises:
        DataError: it cannot be read, or holds no rows.
    """
    low, high = _SAMPLE
    sample = _Sample(rows, min(max(table.memory // 8, low), high), seed)
    kept: list[pd.DataFrame] = []
    looks: dict[str, set[str]] = {}
    total, widest = 0, 0.0
    for start, batch in _peeked(table).batches():
        frame: Any = batch.frame
        total, widest = start + len(frame), max(widest, frame_bytes(frame) / len(frame))
        for name in frame.columns:
            looks.setdefault(name, set()).update(_look(frame[name]))
        kept.append(frame[[name for name in frame.columns if name in wholly]].copy())
        sample.add(frame, start)
    if not total:
        raise DataError(f"{str(table.path)!r} holds no rows.")
    mixed = {name for name, found in looks.items() if len(found) > 1}
    if mixed - table.as_text and not _is_typed(table.path):
        return scan(replace(table, as_text=table.as_text | mixed), wholly, seed, rows=rows)
    frame, places = sample.result()
    origin = str(table.path)
    return Scan(
        replace(table, row_bytes=widest),
        total,
        Table(frame, table.root, origin),
        places,
        Table(joined(kept), table.root, origin),
    )


def joined(frames: Sequence[Any]) -> pd.DataFrame:
    """Frames below each other; a column without a value in one of them has its type from the others."""
    import pandas as pd

    types = {
        name: next((one[name].dtype for one in frames if one[name].notna().any()), None) for name in frames[0].columns
    }
    even = []
    for one in frames:
        empty = {
            name: pd.Series([None] * len(one), one.index, dtype=types[name])
            for name in one.columns
            if _is_words(types[name]) and one[name].dtype != types[name] and one[name].isna().all()
        }
        even.append(one.assign(**empty) if empty else one)
    return pd.concat(even, ignore_index=True)


def draw(table: LargeTable, among: np.ndarray, only: Collection[str], seed: int, rows: int) -> tuple[Table, np.ndarray]:
    """A sample of some rows, by one more pass.

    Args:
        table: the table.
        among: (N,) which rows may be drawn.
        only: the columns to read.
        seed: of the sample.
        rows: the most rows of the sample.

    Returns:
        The rows, in order, and their positions.
    """
    low, high = _SAMPLE
    sample = _Sample(rows, min(max(table.memory // 8, low), high), seed)
    for start, batch in table.batches(only):
        mask = among[start : start + len(batch)]
        if mask.any():
            sample.add(batch.frame, start, mask)
    frame, places = sample.result()
    return Table(frame, table.root, str(table.path)), places


@dataclass
class _Sample:
    """Rows with the smallest of random keys: any number of batches may come, and every row has the same chance.

    Args:
        rows: the most.
        size: the most bytes.
        seed: of the keys.
    """

    rows: int
    size: int
    seed: int
    edge: float = 1.0
    frames: list[pd.DataFrame] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    keys: list[np.ndarray] = field(default_factory=list)
    held: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def add(self, frame: pd.DataFrame, start: int, mask: np.ndarray | None = None) -> None:
        keys = self._rng.random(len(frame))
        chosen = np.flatnonzero((keys < self.edge) if mask is None else (keys < self.edge) & mask)
        part = frame.iloc[chosen].copy()
        self.frames.append(part)
        self.places.append(start + chosen)
        self.keys.append(keys[chosen])
        self.held += frame_bytes(part)
        if self.held > 1.5 * self.size or sum(map(len, self.keys)) > 1.5 * self.rows:
            self._trim()

    def result(self) -> tuple[pd.DataFrame, np.ndarray]:
        self._trim()
        return self.frames[0], self.places[0]

    def _trim(self) -> None:
        frame, places, keys = joined(self.frames), np.concatenate(self.places), np.concatenate(self.keys)
        fitting = int(len(keys) * min(1.0, self.size / max(frame_bytes(frame), 1)))
        most = max(min(self.rows, fitting), min(len(keys), 1))
        if most < len(keys):
            self.edge = float(np.partition(keys, most)[most])
            few = np.flatnonzero(keys < self.edge)
            frame, places, keys = frame.iloc[few].reset_index(drop=True), places[few], keys[few]
        self.frames, self.places, self.keys, self.held = [frame], [places], [keys], frame_bytes(frame)


def _peeked(table: LargeTable) -> LargeTable:
    """The same with a first guess of how large a row is."""
    for frame in batches(table.path, _PEEK, as_text=table.as_text):
        return replace(table, row_bytes=frame_bytes(frame) / len(frame))
    return table


def _look(series: Any) -> set[str]:
    """What the cells of one batch look like to a reader of text files; nothing where there are none."""
    import pandas as pd

    if not series.notna().any():
        return set()
    kind: Any = getattr(series.dtype, "kind", "O")
    if kind == "O":
        return {"truth" if pd.api.types.infer_dtype(series, skipna=True) == "boolean" else "words"}
    return {"truth" if kind == "b" else "number" if kind in "iuf" else "words"}


def _is_words(dtype: Any) -> bool:
    return dtype is not None and getattr(dtype, "kind", "O") == "O"


def _is_typed(path: Path) -> bool:
    """Whether the file itself says what its columns are."""
    return not any(one.name.lower().endswith(_TEXT) or set(_suffixes(one)) & set(_TEXT) for one in tables_of(path))


_TEXT = (".csv", ".tsv", ".tab", ".txt")


def _suffixes(path: Path) -> list[str]:
    return [one.lower() for one in path.suffixes]
