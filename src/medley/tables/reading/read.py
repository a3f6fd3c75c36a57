"""Reading tables: files, folders of files, and frames of any library -> a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.core.foreign_errors import as_data_error
from medley.errors import DataError
from medley.tables.reading.arrow_files import arrow_batches, parquet_batches, read_arrow, read_parquet
from medley.tables.reading.delimited import delimited_batches, layout_of, read_delimited
from medley.tables.reading.excel import read_excel
from medley.tables.reading.files import (
    ARROW,
    DELIMITED,
    EXCEL,
    JSON,
    PARQUET,
    TableFiles,
    format_of,
    is_files,
    locate,
)
from medley.tables.reading.frames import frame_of_rows, from_memory
from medley.tables.reading.header import BY_CELLS, HasHeader, Header, check_header, unique_names
from medley.tables.reading.json_lines import json_rows
from medley.tables.reading.sanitize import sanitized
from medley.tables.reading.shards import Shard
from medley.tables.reading.sql import Query, is_database, is_statement

if TYPE_CHECKING:
    import pandas as pd

_MOST_LISTED = 10


@dataclass(frozen=True)
class Table:
    """Rows with named columns, and where they came from.

    Args:
        frame: the rows; its column names are unique strings.
        root: the folder that relative paths in its cells start from.
        origin: its name in error messages: the file's path, or "the table".
        notes: decisions of the reader that the user should know about.

    Attributes:
        cache: cache of what was computed from these rows (profiles, parsed columns); it is not copied to tables with
            other rows.
    """

    frame: pd.DataFrame
    root: Path
    origin: str = "the table"
    notes: tuple[str, ...] = ()
    cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def index(self) -> Any:
        """The rows' index."""
        return self.frame.index


def source_of(table: Any, header: HasHeader = "auto", connection: Any = None, names: Collection[str] = ()) -> Any:
    """What a caller passes as a table, in a form that can be read several times.

    Args:
        table: as for `read`.
        header: whether the first lines of text files hold the names of the columns.
        connection: a database, where `table` is a query or the name of one of its tables.
        names: columns that the table must have, by which a first line of names is recognised.

    Returns:
        A `TableFiles` for files of any kind, a `Query` for databases; anything else is returned as it is.

    Raises:
        ConfigError: `header` is invalid.
        DataError: there is no such file.

    >>> source_of({"age": [3]})
    {'age': [3]}
    >>> source_of("SELECT * FROM pets", connection="sqlite:///pets.db").sql
    'SELECT * FROM pets'
    """
    check_header(header)
    if connection is not None:
        return Query(str(table), connection)
    if isinstance(table, str) and is_database(table):
        return Query("", table)
    if isinstance(table, str) and is_statement(table):
        return Query(table)
    if isinstance(table, TableFiles) and header == "auto" and not names:
        return table
    if is_files(table):
        known = table.header if isinstance(table, TableFiles) else BY_CELLS
        chosen = known.present if header == "auto" else header
        return locate(table, Header(chosen, known.names | frozenset(names)))
    return table


def read(
    table: Any,
    root: str | PathLike[str] | None = None,
    *,
    as_text: Collection[str] = (),
    empty: bool = False,
    header: HasHeader = "auto",
    names: Collection[str] = (),
) -> Table:
    """Read a table of any form.

    Args:
        table: a file (`.csv` of any delimiter, `.tsv`, `.parquet`, `.jsonl`, `.json`, `.feather`, `.xlsx`, ...; text
            may be compressed, as in `.csv.gz` or `.zip`), a folder of such files, a pattern (`"2024/*.csv"`), a list of
            files, a URL, an open file, `"-"` for the standard input, a `Query` or the URI of a database; a frame of
            pandas, polars, Arrow or DuckDB (anything that offers `__arrow_c_stream__`), a data set of Hugging Face, a
            dict of columns, a list of dicts, or a `Table`.
        root: the folder that relative paths in cells start from; by default the folder of the file, or for frames the
            current one.
        as_text: columns of text files whose cells are read as text. A model that was trained on a text column needs
            this, since a file in which all of its cells are digits would otherwise give numbers.
        empty: whether a table without rows is allowed.
        header: whether the first line of text files and spreadsheets holds the names of the columns; `"auto"` decides
            by the cells.
        names: columns that the table must have, by which `"auto"` decides first.

    Raises:
        DataError: there is no such file or root; it is not a table or has no rows; files of a folder have different
            columns.
        MissingDependencyError: a format, URL or database needs a package that is not installed.

    >>> read({"age": [3, 5], "sex": ["f", None]}).frame.shape
    (2, 2)
    """
    if root is not None and not Path(root).is_dir():
        raise DataError(
            f"is {str(root)!r}, which is not a folder; relative paths in cells start from it.", argument="root"
        )
    if isinstance(table, Table):
        return table if root is None else Table(table.frame, Path(root), table.origin, table.notes)
    source = source_of(table, header, names=names)
    if isinstance(source, TableFiles):
        frame, notes = _read_files(source, as_text)
        frame, note = checked(frame, repr(str(source)), empty=empty)
        return Table(frame, source.folder if root is None else Path(root), str(source), _listed_notes([*notes, note]))
    is_query = isinstance(source, Query)
    origin = str(source) if is_query else "the table"
    frame, note = checked(source.fetch() if is_query else from_memory(source), _capitalized(origin), empty=empty)
    return Table(frame, Path(root or "."), origin, _listed_notes([note]))


def batches(
    table: Any,
    rows: int = 65_536,
    *,
    as_text: Collection[str] = (),
    only: Collection[str] | None = None,
    shard: Shard | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield a table as frames of up to `rows` rows, in the order of `read`, without reading all of it at once.

    A column's type may differ between batches, as each is read by itself; `cells.read_cells` converts all to one type.

    Args:
        table: as for `read`; a JSON file that is one list, spreadsheets and Arrow streams are read at once.
        rows: the maximum number of rows per batch.
        as_text: as for `read`.
        only: the columns to read, by default all; names that are not in the table are ignored.
        shard: the rows to read, by default all.

    Raises:
        DataError: as `read`, when the batch is requested.
    """
    source = source_of(table)
    if not isinstance(source, TableFiles):
        frame = _select(read(source).frame, only)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        return
    columns: list[str] | None = None
    for file in source.paths if shard is None else [source.paths[shard.place]]:
        frames = (
            _file_batches(file, rows, as_text, only, source.header)
            if shard is None
            else parquet_batches(file, rows, only, shard)
        )
        for frame in frames:
            whole = _select(_with_partition(frame, source.partition_of(file)), only)
            batch, _ = checked(whole, repr(str(file)))
            columns = columns or list(batch.columns)
            _check_same_columns(columns, batch, source, file)
            yield batch.loc[:, columns]


def tables_of(table: Any) -> list[Path]:
    """The files of a table, in the order in which they are read: the file itself, or those in the folder.

    Raises:
        DataError: there is no such file, or the folder has no table files.
    """
    return list(locate(table).paths)


def notes_of(table: Any) -> tuple[str, ...]:
    """What the user should know about how the first text file of a table is read."""
    source = locate(table)
    if format_of(source.paths[0]) not in DELIMITED:
        return ()
    return _listed_notes([layout_of(source.paths[0], source.header).note])


def checked(frame: pd.DataFrame, origin: str, *, empty: bool = False) -> tuple[pd.DataFrame, str]:
    """Check a frame that was read, make its cells safe and its names unique strings.

    Returns:
        The frame, and a note about names that were used several times, or "".

    Raises:
        DataError: it has no columns, or no rows where it must not be empty.
    """
    if not len(frame.columns):
        raise DataError(f"{origin} has no columns.")
    with as_data_error(f"{origin} has columns whose names cannot be read"):
        names = list(map(str, frame.columns))
        unique, note = unique_names(names) if len(set(names)) < len(names) else (tuple(names), "")
    if not len(frame) and not empty:
        raise DataError(f"{origin} holds no rows: its columns are {_listed(names)}.")
    named = frame if list(unique) == list(frame.columns) else frame.set_axis(list(unique), axis=1)
    return sanitized(named), f"{origin}: {note}" if note else ""


def _read_files(source: TableFiles, as_text: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    frames: list[Any] = []
    notes: list[str] = []
    for file in source.paths:
        frame, note = _read_file(file, as_text, source.header)
        notes.append(note)
        if len(source.paths) == 1:
            return _with_partition(frame, source.partition_of(file)), notes
        frame, note = checked(_with_partition(frame, source.partition_of(file)), repr(str(file)))
        notes.append(note)
        columns = list(frames[0].columns) if frames else list(frame.columns)
        _check_same_columns(columns, frame, source, file)
        frames.append(frame[columns])
    return pd.concat(frames, ignore_index=True), notes


def _with_partition(frame: pd.DataFrame, partition: Mapping[str, Any]) -> pd.DataFrame:
    """A frame with the columns that the names of its folders hold, where the file does not have them itself."""
    return frame.assign(**{name: value for name, value in partition.items() if name not in frame.columns})


def _check_same_columns(columns: list[str], frame: pd.DataFrame, source: TableFiles, file: Path) -> None:
    missing = [name for name in columns if name not in frame.columns]
    extra = [name for name in frame.columns if name not in columns]
    if missing or extra:
        differences = [f"lacks {_listed(missing)}"] if missing else []
        differences += [f"has {_listed(extra)} in addition"] if extra else []
        raise DataError(
            f"The files of {str(source)!r} must have the same columns, but {file.name!r} {' and '.join(differences)}, "
            "compared with the first file. Pass one file, or move other tables to another folder."
        )


def _read_file(path: Path, as_text: Collection[str], header: Header) -> tuple[pd.DataFrame, str]:
    file_format = format_of(path)
    if file_format in DELIMITED:
        return read_delimited(path, as_text, header)
    if file_format in EXCEL:
        return read_excel(path, header)
    if file_format in JSON:
        return frame_of_rows(list(json_rows(path))), ""
    return (read_parquet if file_format in PARQUET else read_arrow)(path), ""


def _file_batches(
    path: Path, rows: int, as_text: Collection[str], only: Collection[str] | None, header: Header
) -> Iterator[pd.DataFrame]:
    file_format = format_of(path)
    if file_format in DELIMITED:
        yield from delimited_batches(path, rows, as_text, only, header)
    elif file_format in PARQUET:
        yield from parquet_batches(path, rows, only)
    elif file_format in JSON:
        records = json_rows(path)
        while chunk := list(islice(records, rows)):
            yield frame_of_rows(chunk)
    elif file_format in ARROW:
        yield from arrow_batches(path, rows)
    else:
        frame, _ = read_excel(path, header)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))


def _select(frame: pd.DataFrame, only: Collection[str] | None) -> pd.DataFrame:
    return frame if only is None else frame.loc[:, [name for name in frame.columns if str(name) in only]]


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in islice(names, _MOST_LISTED))
    return f"{shown}, and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else shown


def _listed_notes(notes: Collection[str]) -> tuple[str, ...]:
    """Different notes, without those that many files share, cut to a readable number."""
    distinct = [note for note in dict.fromkeys(notes) if note]
    more = [f"and {len(distinct) - _MOST_LISTED} more notes on other files."] if len(distinct) > _MOST_LISTED else []
    return (*distinct[:_MOST_LISTED], *more)


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
