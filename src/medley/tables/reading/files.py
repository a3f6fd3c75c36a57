"""The files of a table: a path, several, a pattern, a folder (also in Hive's layout), a URL, a stream."""

from __future__ import annotations

import glob
import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from os import PathLike, fspath
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from medley.data.datasets import LabelledDataset
from medley.errors import DataError
from medley.tables.reading.compression import content_name, opened
from medley.tables.reading.header import BY_CELLS, Header

DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".psv")
JSON = (".jsonl", ".ndjson", ".json")
ARROW = (".feather", ".arrow", ".ipc")
PARQUET = (".parquet", ".pq")
EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
ENDINGS = (*DELIMITED, *PARQUET, *JSON, *ARROW, *EXCEL)
"""Endings of table files, apart from those of compression such as `.gz`."""

STANDARD_INPUT = "-"
_IN_FOLDERS = tuple(ending for ending in ENDINGS if ending not in (".txt", ".data", ".dat"))
_SIGNATURES = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"FEA1": ".feather", b"\xff\xff\xff\xff": ".arrow"}
_PATTERN = re.compile(r"[*?\[]")
_URL = re.compile(r"([a-z][a-z0-9+]+)://", re.IGNORECASE)
_PARTITION = re.compile(r"([^=/]+)=([^/]*)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TableFiles:
    """The files of one table, in order.

    Args:
        paths: the files, one at least.
        folder: the folder that relative paths in cells start from.
        origin: what the caller wrote, for messages.
        partitions: for each file, the columns that the names of its folders hold (`year=2024/`).
        header: whether the first lines of text files hold names.
        copy: keeps a copy of remote files until nothing needs it.
        urls: of the files, where `paths` are copies of remote ones.
    """

    paths: tuple[Path, ...]
    folder: Path
    origin: str
    partitions: tuple[Mapping[str, Any], ...] = ()
    header: Header = BY_CELLS
    copy: object = field(default=None, repr=False, compare=False)
    urls: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.origin

    def partition_of(self, path: Path) -> Mapping[str, Any]:
        """The columns that the names of a file's folders hold."""
        return dict(zip(self.paths, self.partitions, strict=False)).get(path, {})


def is_files(table: Any) -> bool:
    """Whether a table is given as files, rather than held in memory.

    >>> is_files("pets.csv"), is_files(["a.csv", "b.csv"]), is_files({"age": [3]}), is_files([{"age": 3}])
    (True, True, False, False)
    """
    if isinstance(table, list | tuple) and not isinstance(table, LabelledDataset):
        return bool(table) and all(isinstance(path, str | PathLike) for path in table)
    return isinstance(table, str | PathLike | TableFiles) or _is_stream(table)


def locate(table: Any, header: Header | None = None) -> TableFiles:
    """Find the files of a table; remote ones and streams are copied to a temporary folder first.

    Args:
        table: a path, a pattern such as `"2024/*.csv"`, a folder, a list of these, a URL, `"-"` for the standard
            input, an open file, or a `TableFiles`.
        header: whether first lines hold names; unset, that of the `TableFiles`, or decided by the cells.

    Raises:
        DataError: there is no such file, or the folder has no table files.
        MissingDependencyError: a URL needs a package that is not installed.
    """
    if isinstance(table, TableFiles):
        return table if header is None else replace(table, header=header)
    return replace(_located(table), header=header or BY_CELLS)


def _located(table: Any) -> TableFiles:
    if isinstance(table, list | tuple):
        return _joined([_located(part) for part in table])
    if _is_stream(table) or table == STANDARD_INPUT:
        return _copied(sys.stdin.buffer if table == STANDARD_INPUT else table)
    text = fspath(table)
    if _URL.match(text):
        from medley.tables.reading.remote import fetch

        folder = _temporary_folder()
        copies = fetch(text, folder.path, lambda name: ending_of(Path(name)) in ENDINGS)
        paths = tuple(copies.values())
        return TableFiles(paths, Path(), text, _partitions(paths, folder.path), copy=folder, urls=tuple(copies))
    path = Path(text)
    if path.is_dir():
        paths = _files_in(path)
        return TableFiles(paths, path, text, _partitions(paths, path))
    if _PATTERN.search(text) and not path.exists():
        return _matching(text)
    _check_file(path)
    return TableFiles((path,), path.parent, text)


def _joined(parts: Sequence[TableFiles]) -> TableFiles:
    paths = tuple(path for part in parts for path in part.paths)
    partitions = tuple(part.partition_of(path) for part in parts for path in part.paths)
    origin = str(parts[0]) if len(parts) == 1 else f"{parts[0]} and {len(parts) - 1} more"
    urls = tuple(url for part in parts for url in part.urls) if all(part.urls for part in parts) else ()
    return TableFiles(paths, parts[0].folder, origin, partitions, copy=[part.copy for part in parts], urls=urls)


def _matching(pattern: str) -> TableFiles:
    matches = (Path(name) for name in sorted(glob.glob(pattern, recursive=True)))
    paths = tuple(path for path in matches if path.is_file() and ending_of(path) in ENDINGS)
    if not paths:
        raise DataError(f"No table file matches {pattern!r}.")
    start = Path(pattern[: _PATTERN.search(pattern).start()])  # type: ignore[union-attr]
    folder = start if start.is_dir() else start.parent
    return TableFiles(paths, folder, pattern, _partitions(paths, folder))


def _is_stream(table: Any) -> bool:
    return hasattr(table, "read") and not hasattr(table, "columns") and not hasattr(table, "__arrow_c_stream__")


def _copied(stream: Any) -> TableFiles:
    folder = _temporary_folder()
    name = getattr(stream, "name", None)
    path = folder.path / (Path(name).name if isinstance(name, str) and ending_of(Path(name)) in ENDINGS else "table")
    try:
        first = stream.read(1 << 20)
        with path.open("wb") as file:
            while first:
                file.write(first.encode() if isinstance(first, str) else first)
                first = stream.read(1 << 20)
    except (OSError, ValueError) as error:  # closed, or not opened for reading
        raise DataError(f"The stream cannot be read as a table: {error}.") from error
    origin = "the standard input" if stream is sys.stdin.buffer else "the stream"
    return TableFiles((path,), Path(), origin, copy=folder)


@dataclass(frozen=True)
class _Folder:
    path: Path


def _temporary_folder() -> _Folder:
    """A folder that is deleted when nothing refers to it any more, or when the process ends."""
    folder = _Folder(Path(tempfile.mkdtemp(prefix="medley-")))
    weakref.finalize(folder, shutil.rmtree, folder.path, ignore_errors=True)
    return folder


def _files_in(folder: Path) -> tuple[Path, ...]:
    tables = _tables(file for file in folder.iterdir() if file.is_file())
    if not tables:
        nested = (file for file in folder.rglob("*") if file.is_file())
        tables = _tables(file for file in nested if _is_partitioned(file.relative_to(folder).parent))
    if not tables:
        raise DataError(f"The folder {str(folder)!r} has no table file ({', '.join(ENDINGS)}).{_nested_hint(folder)}")
    return tables


def _tables(files: Any) -> tuple[Path, ...]:
    visible = sorted(file for file in files if not file.name.startswith((".", "_")))
    # Text files without a more telling ending beside other tables are READMEs and the like.
    tables = [file for file in visible if ending_of(file) in _IN_FOLDERS]
    return tuple(tables or [file for file in visible if ending_of(file) in ENDINGS])


def _is_partitioned(folders: Path) -> bool:
    return bool(folders.parts) and all(_PARTITION.fullmatch(part) for part in folders.parts)


def _nested_hint(folder: Path) -> str:
    nested = next((file for file in folder.rglob("*") if file.is_file() and ending_of(file) in _IN_FOLDERS), None)
    return "" if nested is None else f" Its subfolders have some: pass {str(folder / '**' / ('*' + nested.suffix))!r}."


def _partitions(paths: Sequence[Path], folder: Path) -> tuple[Mapping[str, Any], ...]:
    """The columns in the names of folders, for each file; whole numbers if all values of a column are."""
    parts = []
    for path in paths:
        inner = path.relative_to(folder).parent.parts if path.is_relative_to(folder) else ()
        matches = [match for part in inner if (match := _PARTITION.fullmatch(part))]
        parts.append({unquote(match[1]): None if match[2] == _NO_VALUE else unquote(match[2]) for match in matches})
    names = {name for part in parts for name in part}
    for name in names:
        values = [part[name] for part in parts if part.get(name) is not None]
        if values and all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", value) for value in values):
            for part in parts:
                part[name] = None if part.get(name) is None else int(part[name])
    return tuple(parts)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise DataError(f"There is no file {str(path)!r}.{_similar_names(path)}")


def _similar_names(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {str(folder)!r} either."
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() or ending_of(entry) in ENDINGS)
    similar = get_close_matches(path.name, names, n=3) or [name for name in names if Path(name).suffix][:3]
    return f" The folder has {', '.join(map(repr, similar))}." if similar else ""


def ending_of(path: Path) -> str:
    """The ending of a table file in lower case, without that of its compression."""
    return Path(content_name(path)).suffix.lower()


def format_of(path: Path) -> str:
    """The ending that stands for a file's format: its own, or where it says nothing, one by the first bytes.

    Raises:
        DataError: the file cannot be opened.
    """
    ending = ending_of(path)
    if ending in ENDINGS:
        return ending
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"PK\x03\x04") and (b"xl/" in start or b"[Content_Types].xml" in start):
        return ".xlsx"
    with opened(path) as stream:
        start = stream.read(64)
    signed_format = next((ending for signature, ending in _SIGNATURES.items() if start.startswith(signature)), None)
    if signed_format is not None:
        return signed_format
    is_json = start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b'{"', b"{\n", b"[{", b"[\n", b"{}"))
    return ".json" if is_json else ".csv"
