"""Reading tables: files, folders of files, and frames of any library -> a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import DataError
from medley.tables.reading.compression import COMPRESSED, opened
from medley.tables.reading.delimited import delimited_batches, read_delimited
from medley.tables.reading.frames import from_arrow, from_memory
from medley.tables.reading.json_lines import json_rows

if TYPE_CHECKING:
    import pandas as pd

_DELIMITED = (".csv", ".tsv", ".tab", ".txt")
_JSON = (".jsonl", ".ndjson", ".json")
_ARROW = (".feather", ".arrow", ".ipc")
ENDINGS = (*_DELIMITED, ".parquet", *_JSON, *_ARROW)
"""Endings of table files, apart from those of compression such as `.gz`."""

_MOST_LISTED = 10
_BUFFER = 1 << 20


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


def read(
    table: Any, root: str | PathLike[str] | None = None, *, as_text: Collection[str] = (), empty: bool = False
) -> Table:
    """Read a table of any form.

    Args:
        table: a file (`.csv` of any delimiter, `.tsv`, `.parquet`, `.jsonl`, `.feather`, ...; text may be compressed,
            as in `.csv.gz`), a folder of such files, a frame of pandas, polars, Arrow or DuckDB (anything that offers
            `__arrow_c_stream__`), a dict of columns, a list of dicts, or a `Table`.
        root: the folder that relative paths in cells start from; by default the folder of the file, or for frames the
            current one.
        as_text: columns of text files whose cells are read as text. A model that was trained on a text column needs
            this, since a file in which all of its cells are digits would otherwise give numbers.
        empty: whether a table without rows is allowed.

    Raises:
        DataError: there is no such file or root; it is not a table or has no rows; column names are not unique; files
            of a folder have different columns.

    >>> read({"age": [3, 5], "sex": ["f", None]}).frame.shape
    (2, 2)
    """
    if root is not None and not Path(root).is_dir():
        raise DataError(
            f"is {str(root)!r}, which is not a folder; relative paths in cells start from it.", argument="root"
        )
    if isinstance(table, Table):
        return table if root is None else replace(table, root=Path(root))
    if not isinstance(table, str | PathLike):
        return Table(_checked(from_memory(table), "The table", empty=empty), Path(root or "."))
    path = Path(table)
    if path.is_dir():
        frame, notes = _read_folder(path, as_text)
    else:
        _check_file(path)
        frame, note = _read_file(path, as_text)
        notes = (note,) if note else ()
    folder = path if path.is_dir() else path.parent
    frame = _checked(frame, repr(str(path)), empty=empty)
    return Table(frame, folder if root is None else Path(root), str(path), notes)


def batches(
    table: Any, rows: int = 65_536, *, as_text: Collection[str] = (), only: Collection[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yield a table as frames of up to `rows` rows, in the order of `read`, without reading all of it at once.

    A column's type may differ between batches, as each is read by itself; `cells.read_cells` converts all to one type.

    Args:
        table: as for `read`; a JSON file that is one list, and Arrow streams, are read at once.
        rows: the maximum number of rows per batch.
        as_text: as for `read`.
        only: the columns to read, by default all; names that are not in the table are ignored.

    Raises:
        DataError: as `read`, when the batch is requested.
    """
    if not isinstance(table, str | PathLike):
        frame = _select(read(table).frame, only)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        return
    path = Path(table)
    columns: list[str] | None = None
    for file in tables_of(path):
        for frame in _file_batches(file, rows, as_text, only):
            batch = _checked(frame, repr(str(file)))
            columns = columns or list(batch.columns)
            _check_same_columns(columns, batch, path, file)
            yield batch.loc[:, columns]


def tables_of(table: str | PathLike[str]) -> list[Path]:
    """The files of a table, in the order in which they are read: the file itself, or those in the folder.

    Raises:
        DataError: there is no such file, or the folder has no table files.
    """
    path = Path(table)
    if path.is_dir():
        return _files_in(path)
    _check_file(path)
    return [path]


def _checked(frame: pd.DataFrame, origin: str, *, empty: bool = False) -> pd.DataFrame:
    if not len(frame.columns):
        raise DataError(f"{origin} has no columns.")
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise DataError(
            f"{origin}: every column needs a different name, but {', '.join(map(repr, repeated))} "
            "is there more than once."
        )
    if not len(frame) and not empty:
        raise DataError(f"{origin} holds no rows: its columns are {_listed(names)}.")
    return frame if names == list(frame.columns) else frame.set_axis(names, axis=1)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.{_similar_names(path)}")
    if _ending(path) not in ENDINGS:
        endings = ", ".join(ENDINGS)
        raise DataError(f"{str(path)!r}: table files end in {endings}; read other files yourself and pass a DataFrame.")


def _similar_names(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {str(folder)!r} either."
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() or _ending(entry) in ENDINGS)
    similar = get_close_matches(path.name, names, n=3) or [name for name in names if Path(name).suffix][:3]
    return f" The folder has {_listed(similar)}." if similar else ""


def _ending(path: Path) -> str:
    endings = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in COMPRESSED]
    return endings[-1] if endings else ""


def _read_folder(folder: Path, as_text: Collection[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    import pandas as pd

    frames, notes = [], []
    for file in _files_in(folder):
        frame, note = _read_file(file, as_text)
        frame = _checked(frame, repr(str(file)))
        columns = list(frames[0].columns) if frames else list(frame.columns)
        _check_same_columns(columns, frame, folder, file)
        frames.append(frame[columns])
        notes += [note] if note else []
    return pd.concat(frames, ignore_index=True), tuple(notes)


def _files_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
    tables = [file for file in files if _ending(file) in ENDINGS]
    # A .txt file beside other tables is a README rather than a table.
    tables = [file for file in tables if _ending(file) != ".txt"] or tables
    if not tables:
        raise DataError(f"The folder {str(folder)!r} has no table file ({', '.join(ENDINGS)}).")
    return tables


def _check_same_columns(columns: list[str], frame: pd.DataFrame, folder: Path, file: Path) -> None:
    missing = [name for name in columns if name not in frame.columns]
    extra = [name for name in frame.columns if name not in columns]
    if missing or extra:
        differences = [f"lacks {_listed(missing)}"] if missing else []
        differences += [f"has {_listed(extra)} in addition"] if extra else []
        raise DataError(
            f"The files of {str(folder)!r} must have the same columns, but {file.name!r} {' and '.join(differences)}, "
            "compared with the first file. Pass one file, or move other tables to another folder."
        )


def _read_file(path: Path, as_text: Collection[str]) -> tuple[pd.DataFrame, str]:
    ending = _ending(path)
    if ending in _DELIMITED:
        return read_delimited(path, as_text)
    return _reading(path, _read_json if ending in _JSON else _read_parquet if ending == ".parquet" else _read_arrow), ""


def _reading(path: Path, reader: Callable[[Path], Any]) -> Any:
    try:
        return reader(path)
    except DataError:
        raise
    except (ValueError, OSError) as error:  # Arrow's errors are ValueErrors
        raise DataError(f"{str(path)!r} cannot be read as a table: {error}") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return from_arrow(file.read())


def _read_arrow(path: Path) -> pd.DataFrame:
    from pyarrow import feather, ipc

    with opened(path) as stream:
        start = stream.read(6)
    if start.startswith((b"ARROW1", b"FEA1")):
        return from_arrow(feather.read_table(str(path)))
    with ipc.open_stream(str(path)) as stream:
        return from_arrow(stream.read_all())


def _read_json(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(json_rows(path)))


def _file_batches(
    path: Path, rows: int, as_text: Collection[str], only: Collection[str] | None
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    ending = _ending(path)
    if ending in _DELIMITED:
        yield from delimited_batches(path, rows, as_text, only)
    elif ending == ".parquet":
        yield from _parquet_batches(path, rows, only)
    elif ending in _JSON:
        records = json_rows(path)
        while chunk := list(islice(records, rows)):
            yield _select(pd.DataFrame(chunk), only)
    else:
        yield from (_select(frame, only) for frame in _arrow_batches(path, rows))


def _parquet_batches(path: Path, rows: int, only: Collection[str] | None) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    # Buffered, because otherwise whole row groups are read, and a file may be a single row group.
    with _reading(path, lambda path: parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)) as file:
        columns = None if only is None else [name for name in file.schema_arrow.names if name in only]
        for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
            yield from_arrow(_table(batch))


def _arrow_batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import ipc

    with opened(path) as stream:
        is_file = stream.read(6) == b"ARROW1"
    if not is_file or path.suffix.lower() in COMPRESSED:
        frame = _reading(path, _read_arrow)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        return
    with path.open("rb") as stream, _reading(path, lambda _: ipc.open_file(stream)) as file:
        for index in range(file.num_record_batches):
            batch = file.get_batch(index)
            for start in range(0, batch.num_rows, rows):
                yield from_arrow(_table(batch.slice(start, rows)))


def _select(frame: pd.DataFrame, only: Collection[str] | None) -> pd.DataFrame:
    return frame if only is None else frame.loc[:, [name for name in frame.columns if str(name) in only]]


def _table(batch: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_batches([batch])


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in islice(names, _MOST_LISTED))
    return f"{shown}, and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else shown
