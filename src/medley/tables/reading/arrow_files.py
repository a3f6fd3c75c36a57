"""Parquet and Arrow files: every table is validated, because damaged ones can end the process later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from medley.core.foreign_errors import described
from medley.errors import DataError, MedleyError
from medley.tables.reading.compression import opened
from medley.tables.reading.frames import from_arrow
from medley.tables.reading.remote import opened_url
from medley.tables.reading.shards import Shard

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_BUFFER = 1 << 20
_FILE_SIGNATURES = (b"ARROW1", b"FEA1")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a reader raises into an error that names the file.

    Raises:
        DataError: anything is raised inside that is not ours, from Arrow's errors to damaged metadata.
    """
    try:
        yield
    except MedleyError:
        raise
    except Exception as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: {described(error)}.") from error


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file.

    Raises:
        DataError: it is not one, or damaged.
    """
    from pyarrow import parquet

    with reading(path), _source(path) as source, parquet.ParquetFile(source) as file:
        return _frame(file.read())


def read_arrow(path: Path) -> pd.DataFrame:
    """Read a Feather or Arrow file, or an Arrow stream.

    Raises:
        DataError: it is none of these, or damaged.
    """
    from pyarrow import feather, ipc

    with reading(path), _source(path) as source:
        if _start(path).startswith(_FILE_SIGNATURES):
            return _frame(feather.read_table(source))
        with ipc.open_stream(source) as stream:
            return _frame(stream.read_all())


def parquet_batches(
    path: Path, rows: int, only: Collection[str] | None, shard: Shard | None = None
) -> Iterator[pd.DataFrame]:
    """Yield a Parquet file in frames of up to `rows` rows.

    Args:
        path: the file.
        rows: the maximum number of rows of a frame.
        only: the columns to read, or None for all.
        shard: the row groups to read, and the URL to read them from; None for all of the file.
    """
    from pyarrow import parquet

    with _source(path) if shard is None or not shard.url else opened_url(shard.url) as source:
        # Buffered, because otherwise whole row groups are read, and a file may be a single row group.
        file = _guarded(path, lambda: parquet.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False))
        with file:
            columns = None if only is None else [name for name in file.schema_arrow.names if name in only]
            groups = None if shard is None else list(shard.row_groups)
            batches = _guarded(path, lambda: file.iter_batches(rows, groups, columns, use_threads=False))
            while (batch := _guarded(path, lambda: next(batches, None))) is not None:
                yield _guarded(path, lambda batch=batch: _frame(_table(batch)))


def arrow_batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Yield a Feather or Arrow file in frames of up to `rows` rows; Arrow streams are read at once."""
    from pyarrow import ipc

    with opened(path) as stream:
        is_file = stream.read(6) == b"ARROW1"
    if not is_file or _is_packed(path):
        frame = read_arrow(path)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        return
    with path.open("rb") as stream, _guarded(path, lambda: ipc.open_file(stream)) as file:
        for index in range(file.num_record_batches):
            batch = _guarded(path, lambda index=index: file.get_batch(index))
            _guarded(path, lambda batch=batch: batch.validate(full=True))
            for start in range(0, batch.num_rows, rows):
                part = batch.slice(start, rows)
                yield _guarded(path, lambda part=part: _frame(_table(part)))


def _guarded(path: Path, read: Callable[[], T]) -> T:
    with reading(path):
        return read()


@contextmanager
def _source(path: Path) -> Iterator[Any]:
    """The file itself, or its decompressed content."""
    if not _is_packed(path):
        yield str(path)
        return
    import pyarrow

    with opened(path) as stream:
        content = stream.read()
    yield pyarrow.BufferReader(content)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(6)
    return not start.startswith((b"PAR1", *_FILE_SIGNATURES)) and _start(path) != start


def _start(path: Path) -> bytes:
    with opened(path) as stream:
        return stream.read(6)


def _frame(table: Any) -> pd.DataFrame:
    table.validate(full=True)  # refuses offsets and lengths that point outside of their buffers
    return from_arrow(table)


def _table(batch: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_batches([batch])
