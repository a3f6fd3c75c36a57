"""The one reader of tables: files, folders of files, and frames of any library -> a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import DataError
from medley.tables.reading.compression import PACKED, opened
from medley.tables.reading.delimited import delimited_batches, read_delimited
from medley.tables.reading.frames import from_arrow, from_memory
from medley.tables.reading.json_lines import json_rows

if TYPE_CHECKING:
    import pandas as pd

_DELIMITED = (".csv", ".tsv", ".tab", ".txt")
_LINES = (".jsonl", ".ndjson", ".json")
_ARROW = (".feather", ".arrow", ".ipc")
ENDINGS = (*_DELIMITED, ".parquet", *_LINES, *_ARROW)
"""What the names of files of tables end in, apart from `.gz` and its like."""

_MOST_TOLD = 10
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Table:
    """Rows with named columns, and where they came from.

    Args:
        frame: the rows; its columns' names are strings that differ.
        root: the folder that relative paths in its cells count from.
        origin: what errors call it: the file's path, or "the table".
        notes: what the reader had to decide and the caller should know.

    Attributes:
        memo: what was computed of these rows (profiles, parsed columns), so that whoever needs it again finds it; a
            table with other rows starts with an empty one.
    """

    frame: pd.DataFrame
    root: Path
    origin: str = "the table"
    notes: tuple[str, ...] = ()
    memo: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.frame)


def read(
    table: Any, root: str | PathLike[str] | None = None, *, as_text: Collection[str] = (), empty: bool = False
) -> Table:
    """Reads a table of any form.

    Args:
        table: a file (`.csv` of any delimiter, `.tsv`, `.parquet`, `.jsonl`, `.feather`, ...; text may be packed, as
            in `.csv.gz`), a folder of such files, a frame of pandas, polars, Arrow or DuckDB (anything that offers
            `__arrow_c_stream__`), a dict of columns, a list of dicts, or what this function returned.
        root: the folder that relative paths in cells count from; left out, the file's own folder, or for frames
            the current one.
        as_text: columns of text files whose cells stay as they are written. A model that learnt a column as words
            asks for this, since a file in which all of them happen to be digits would come as numbers.
        empty: whether a table may have no rows.

    Raises:
        DataError: there is no such file or root; it holds no rows or no table; columns share a name; files of a folder
            differ in their columns.

    >>> read({"age": [3, 5], "sex": ["f", None]}).frame.shape
    (2, 2)
    """
    if root is not None and not Path(root).is_dir():
        raise DataError(f"is {str(root)!r}, which is not a folder; paths in cells count from it.", argument="root")
    if isinstance(table, Table):
        return table if root is None else replace(table, root=Path(root))
    if not isinstance(table, str | PathLike):
        return Table(_checked(from_memory(table), "The table", empty=empty), Path(root or "."))
    path = Path(table)
    if path.is_dir():
        frame, notes = _folder(path, as_text)
    else:
        _check_file(path)
        frame, note = _file(path, as_text)
        notes = (note,) if note else ()
    own = path if path.is_dir() else path.parent
    frame = _checked(frame, repr(str(path)), empty=empty)
    return Table(frame, own if root is None else Path(root), str(path), notes)


def batches(
    table: Any, rows: int = 65_536, *, as_text: Collection[str] = (), only: Collection[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yields a table as frames of up to `rows` rows, without reading all of it; in the order of `read`.

    A column's type may differ from batch to batch, as each is read by itself: `cells.read_cells` makes them alike.

    Args:
        table: as for `read`; JSON that is one list, and Arrow streams, are read whole.
        rows: the most rows of a batch.
        as_text: as for `read`.
        only: the columns to read, if not all; those that are not there are passed over.

    Raises:
        DataError: as `read`, as soon as the batch is asked for.
    """
    if not isinstance(table, str | PathLike):
        frame = _chosen(read(table).frame, only)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        return
    path = Path(table)
    columns: list[str] | None = None
    for file in tables_of(path):
        for frame in _file_batches(file, rows, as_text, only):
            batch = _checked(frame, repr(str(file)))
            columns = columns or list(batch.columns)
            _check_same(columns, batch, path, file)
            yield batch.loc[:, columns]


def tables_of(table: str | PathLike[str]) -> list[Path]:
    """The files of a table, in the order in which they are read: the file itself, or those in a folder.

    Raises:
        DataError: there is no such file, or the folder holds none.
    """
    path = Path(table)
    if path.is_dir():
        return _tables_in(path)
    _check_file(path)
    return [path]


def _checked(frame: pd.DataFrame, told: str, *, empty: bool = False) -> pd.DataFrame:
    if not len(frame.columns):
        raise DataError(f"{told} has no columns.")
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(
            f"{told}: every column needs a name of its own, but {', '.join(map(repr, twice))} is there more than once."
        )
    if not len(frame) and not empty:
        raise DataError(f"{told} holds no rows: its columns are {_listed(names)}.")
    return frame if names == list(frame.columns) else frame.set_axis(names, axis=1)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.{_nearest(path)}")
    if _ending(path) not in ENDINGS:
        known = ", ".join(ENDINGS)
        raise DataError(f"{str(path)!r}: files of tables end in {known}; read others yourself and pass a DataFrame.")


def _nearest(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {str(folder)!r} either."
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() or _ending(one) in ENDINGS)
    near = get_close_matches(path.name, names, n=3) or [name for name in names if Path(name).suffix][:3]
    return f" The folder has {_listed(near)}." if near else ""


def _ending(path: Path) -> str:
    endings = [one.lower() for one in path.suffixes if one.lower() not in PACKED]
    return endings[-1] if endings else ""


def _folder(folder: Path, as_text: Collection[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    import pandas as pd

    frames, notes = [], []
    for file in _tables_in(folder):
        frame, note = _file(file, as_text)
        frame = _checked(frame, repr(str(file)))
        columns = list(frames[0].columns) if frames else list(frame.columns)
        _check_same(columns, frame, folder, file)
        frames.append(frame[columns])
        notes += [note] if note else []
    return pd.concat(frames, ignore_index=True), tuple(notes)


def _tables_in(folder: Path) -> list[Path]:
    files = sorted(one for one in folder.iterdir() if one.is_file() and not one.name.startswith((".", "_")))
    found = [one for one in files if _ending(one) in ENDINGS]
    # Notes beside the tables are no rows of theirs.
    found = [one for one in found if _ending(one) != ".txt"] or found
    if not found:
        raise DataError(f"The folder {str(folder)!r} holds no file of a table ({', '.join(ENDINGS)}).")
    return found


def _check_same(columns: list[str], frame: pd.DataFrame, folder: Path, file: Path) -> None:
    lacks = [name for name in columns if name not in frame.columns]
    more = [name for name in frame.columns if name not in columns]
    if lacks or more:
        told = [f"lacks {_listed(lacks)}"] if lacks else []
        told += [f"has {_listed(more)} besides"] if more else []
        raise DataError(
            f"The files of {str(folder)!r} must have the same columns, but {file.name!r} {' and '.join(told)}, "
            "compared with the first of them. Pass one file, or keep other tables in another folder."
        )


def _file(path: Path, as_text: Collection[str]) -> tuple[pd.DataFrame, str]:
    ending = _ending(path)
    if ending in _DELIMITED:
        return read_delimited(path, as_text)
    return _read_as(path, _json if ending in _LINES else _parquet if ending == ".parquet" else _arrow), ""


def _read_as(path: Path, way: Callable[[Path], Any]) -> Any:
    try:
        return way(path)
    except DataError:
        raise
    except (ValueError, OSError) as error:  # Arrow's own errors are ValueErrors
        raise DataError(f"{str(path)!r} cannot be read as a table: {error}") from error


def _parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return from_arrow(file.read())


def _arrow(path: Path) -> pd.DataFrame:
    from pyarrow import feather, ipc

    with opened(path) as stream:
        start = stream.read(6)
    if start.startswith((b"ARROW1", b"FEA1")):
        return from_arrow(feather.read_table(str(path)))
    with ipc.open_stream(str(path)) as stream:
        return from_arrow(stream.read_all())


def _json(path: Path) -> pd.DataFrame:
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
    elif ending in _LINES:
        records = json_rows(path)
        while found := list(islice(records, rows)):
            yield _chosen(pd.DataFrame(found), only)
    else:
        yield from (_chosen(frame, only) for frame in _arrow_batches(path, rows))


def _parquet_batches(path: Path, rows: int, only: Collection[str] | None) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    # Buffered, because otherwise a row group's columns are read whole, and a file may be one row group.
    with _read_as(path, lambda path: parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)) as file:
        columns = None if only is None else [name for name in file.schema_arrow.names if name in only]
        for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
            yield from_arrow(_table(batch))


def _arrow_batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import ipc

    with opened(path) as stream:
        is_file = stream.read(6) == b"ARROW1"
    if not is_file or path.suffix.lower() in PACKED:
        frame = _read_as(path, _arrow)
        yield from (frame.iloc[start : start + rows] for start in range(0, len(frame), rows))
        return
    with path.open("rb") as stream, _read_as(path, lambda _: ipc.open_file(stream)) as file:
        for place in range(file.num_record_batches):
            batch = file.get_batch(place)
            for start in range(0, batch.num_rows, rows):
                yield from_arrow(_table(batch.slice(start, rows)))


def _chosen(frame: pd.DataFrame, only: Collection[str] | None) -> pd.DataFrame:
    return frame if only is None else frame.loc[:, [name for name in frame.columns if str(name) in only]]


def _table(batch: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_batches([batch])


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(repr(name) for name in islice(names, _MOST_TOLD))
    return f"{shown}, and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else shown
