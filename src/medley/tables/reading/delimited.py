"""Text files of delimited cells: delimiter and encoding are found out, and what is wrong is told by its line."""

from __future__ import annotations

import codecs
import csv
import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import DataError
from medley.tables.reading.compression import opened

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = (",", ";", "\t", "|")
_OTHER_DELIMITERS = (":", "^", "~", "#", "\x01", "\x1f")
_HEAD = 256 * 1024
_RECORDS = 200
_CODE = re.compile(r"0\d+")
_LONG_LINE = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    Args:
        delimiter: what stands between cells.
        encoding: a codec of Python's.
        names: the columns.
        codes: columns of digits that begin with a 0, which are no numbers ("00501").
        note: what the caller should know about how it was read, or "".
        skip: lines before the names, which are remarks.
    """

    delimiter: str
    encoding: str
    names: tuple[str, ...]
    codes: frozenset[str] = frozenset()
    note: str = ""
    skip: int = 0


def layout_of(path: Path) -> Layout:
    """Finds out how a file is written, from its first 256 kB.

    Raises:
        DataError: it is empty or binary, two columns have one name, or its delimiter is none of `, ; tab |`.
    """
    with opened(path) as stream:
        head = stream.read(_HEAD + 1)
    if not head.strip():
        raise DataError(f"{str(path)!r} cannot be read as a table: it is empty.")
    text, encoding, note = _decoded(path, head)
    lines = text if len(head) <= _HEAD else text[: text.rfind("\n") + 1]
    skip = _remarks(lines)
    if skip:
        lines = "".join(lines.splitlines(keepends=True)[skip:])
        note = " ".join([note, f"{path.name} begins with remarks, which were passed over: {skip} lines."]).strip()
    delimiter = _delimiter(path, lines)
    records = _records(lines, delimiter, quoted_end=len(head) > _HEAD)
    names = tuple(records[0])
    _check_names(path, names, records, delimiter)
    if all(map(_is_number, names)):
        note = " ".join(
            [note, f"The first line of {path.name}, which names the columns, holds nothing but numbers."]
        ).strip()
    codes = {names[place] for row in records[1:] for place in range(min(len(row), len(names))) if _is_code(row[place])}
    return Layout(delimiter, encoding, names, frozenset(codes), note, skip)


def read_delimited(path: Path, as_text: Collection[str] = ()) -> tuple[pd.DataFrame, str]:
    """Reads a whole file.

    Args:
        path: the file, packed or not.
        as_text: columns whose cells stay as they are written, digits or not.

    Returns:
        The frame, and a note about the encoding or "".

    Raises:
        DataError: as `layout_of`; or rows are longer than the first line.
    """
    layout = layout_of(path)
    try:
        return _whole(path, layout, as_text), layout.note
    except UnicodeDecodeError:  # the first lines were UTF-8, what follows is not
        layout = _other_encoding(path, layout)
        return _whole(path, layout, as_text), layout.note


def delimited_batches(
    path: Path, rows: int, as_text: Collection[str] = (), only: Collection[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yields frames of up to `rows` rows, of some columns only where asked; as `read_delimited` else."""
    import pandas as pd

    layout = layout_of(path)
    if layout.encoding == "utf-8":
        layout = _other_encoding(path, layout)
    with opened(path) as stream:
        with _told(path, layout):
            # A function, because it passes over names that are not there.
            wanted = None if only is None else lambda name: name in only
            reader: Any = pd.read_csv(stream, chunksize=rows, usecols=wanted, **_options(layout, as_text))
        while True:
            with _told(path, layout):
                frame = next(reader, None)
            if frame is None:
                return
            yield frame


def _whole(path: Path, layout: Layout, as_text: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    with _told(path, layout), opened(path) as stream:
        return pd.read_csv(stream, **_options(layout, as_text))


def _options(layout: Layout, as_text: Collection[str]) -> dict[str, Any]:
    words = [name for name in layout.names if name in layout.codes or name in as_text]
    return {
        "sep": layout.delimiter,
        "encoding": layout.encoding,
        "skiprows": layout.skip,
        "skipinitialspace": layout.delimiter != "\t",
        "dtype": dict.fromkeys(words, str),
        # Without it, pandas takes surplus first cells for the rows' names and shifts the columns.
        "index_col": False,
        # In one piece, because read bit by bit a column of numbers with a word far below gets cells of both types.
        "low_memory": False,
    }


@contextmanager
def _told(path: Path, layout: Layout) -> Iterator[None]:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            yield
        except pd.errors.ParserWarning:
            raise DataError(
                f"{str(path)!r} cannot be read as a table: its rows have more cells than its first line has names "
                f"({len(layout.names)}, separated by {layout.delimiter!r})."
            ) from None
        except pd.errors.ParserError as error:
            raise DataError(f"{str(path)!r} cannot be read as a table: {_reason(str(error), layout)}") from error


def _reason(message: str, layout: Layout) -> str:
    found = _LONG_LINE.search(message)
    if not found:
        return message.strip()
    expected, line, saw = found.groups()
    way = f'put cells that hold {layout.delimiter!r} between quotes ("...")'
    return f"line {line} has {saw} cells, where {expected} are expected; {way}."


def _decoded(path: Path, head: bytes) -> tuple[str, str, str]:
    """The beginning of a file as text, its encoding, and a note."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(mark):
            return codecs.getincrementaldecoder(encoding)().decode(head), encoding, ""
    if b"\0" in head:
        line = head[: head.index(b"\0")].count(b"\n") + 1
        raise DataError(f"{str(path)!r} cannot be read as a table: it is no text (line {line} holds a zero byte).")
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head), "utf-8", ""
    except UnicodeDecodeError:
        line, encoding = _first_wrong_line(path)
        return head.decode(encoding, errors="replace"), encoding, _encoding_note(path, line, encoding)


def _first_wrong_line(path: Path) -> tuple[int, str]:
    """The number of the first line that is no UTF-8, from 1 (0: there is none), and the encoding to read with."""
    first, encoding = 0, "utf-8"
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                first = first or number
                try:
                    line.decode("cp1252")
                    encoding = "cp1252"
                except UnicodeDecodeError:
                    return first, "latin-1"
    return first, encoding


def _other_encoding(path: Path, layout: Layout) -> Layout:
    line, encoding = _first_wrong_line(path)
    return replace(layout, encoding=encoding, note=_encoding_note(path, line, encoding)) if line else layout


def _encoding_note(path: Path, line: int, encoding: str) -> str:
    known = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}.get(encoding, encoding)
    return f"{path.name} is not UTF-8 (line {line}) and was read as {known}; save it as UTF-8 if letters look wrong."


def _remarks(text: str) -> int:
    r"""How many lines before the columns' names begin with `#`; a line of as many cells as the next holds the names.

    >>> _remarks("# made by hand\n# id,size\n1,2\n"), _remarks("#id,size\n1,2\n"), _remarks("# one column\nid\n")
    (1, 0, 0)
    """
    lines = text.removeprefix("\ufeff").splitlines()
    remarks = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
    if not remarks:
        return 0
    cells = max(map(lines[remarks].count, DELIMITERS))
    named = max(map(lines[remarks - 1].count, DELIMITERS)) == cells
    return remarks - named if cells else 0


def _delimiter(path: Path, text: str) -> str:
    order = sorted(DELIMITERS, key=lambda one: one != ("\t" if ".ts" in path.name or ".tab" in path.name else ","))
    best = max(order, key=lambda one: _agreement(text, one))
    if _agreement(text, best)[0]:
        return best
    return next((one for one in order if one not in text), ",")  # one column; its texts may hold commas


def _agreement(text: str, delimiter: str) -> tuple[float, int]:
    """How many rows have as many cells as the first, and how many cells; (0, 1) where the first has one cell."""
    widths = [len(row) for row in _records(text, delimiter)]
    if widths[0] == 1:
        return 0.0, 1
    same = [width == widths[0] for width in widths[1:]]
    # A header by itself is a table without rows: told elsewhere.
    return (sum(same) / len(same) + 1e-6 if same else 1.0), widths[0]


def _records(text: str, delimiter: str, *, quoted_end: bool = False) -> list[list[str]]:
    """The first records of a text, at least one; the last is dropped where the text may end within its quotes."""
    rows: list[list[str]] = []
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if row and any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > _RECORDS:
                return rows
    except csv.Error:  # a cell of more than 128 kB: what came before tells enough
        return rows or [[""]]
    return rows[:-1] if quoted_end and len(rows) > 1 else rows or [[""]]


def _check_names(path: Path, names: tuple[str, ...], records: list[list[str]], delimiter: str) -> None:
    given = [name for name in names if name.strip()]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise DataError(
            f"{str(path)!r}: every column needs a name of its own, but the first line names "
            f"{', '.join(map(repr, twice))} more than once."
        )
    if len(names) == 1:
        other = _other_delimiter([names[0], *(delimiter.join(row) for row in records[1:])])
        if other:
            raise DataError(
                f"{str(path)!r} reads as one column, {names[0]!r}: its cells seem to be separated by {other!r}. "
                "Separate them by a comma, semicolon, tab or |, or read the file yourself and pass a DataFrame."
            )


def _other_delimiter(lines: list[str]) -> str | None:
    for mark in _OTHER_DELIMITERS:
        counts = {line.count(mark) for line in lines}
        if len(lines) > 1 and len(counts) == 1 and counts != {0}:
            return mark
    widths = {len(line.split()) for line in lines}
    numbers = all(any(_is_number(cell) for cell in line.split()) for line in lines[1:])
    return " " if len(lines) > 1 and len(widths) == 1 and widths != {1} and numbers else None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_code(cell: str) -> bool:
    return _CODE.fullmatch(cell.strip()) is not None
