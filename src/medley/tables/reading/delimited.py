"""Delimited text files: delimiter and encoding are detected, and errors are reported with their line."""

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

from medley.core.foreign_errors import described
from medley.errors import DataError, MedleyError, spelled
from medley.tables.reading.compression import opened
from medley.tables.reading.header import BY_CELLS, Header, is_number, numbered_names, unique_names
from medley.tables.reading.sanitize import sanitized
from medley.tables.reading.types import note_of, typed

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = (",", ";", "\t", "|")
SPACES = r"\s+"
"""The delimiter of files whose cells are separated by one or more spaces or tabs."""

_RARE_DELIMITERS = ("\x01", "\x1f", "^", "~")
_DOUBTFUL_DELIMITERS = (":", "#")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_WORD = re.compile(r'"(?:[^"]|"")*"|\S+')
_HEAD_BYTES = 256 * 1024
_RECORDS = 200
_LEADING_ZERO = re.compile(r"0\d+")
_LONG_LINE = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    Args:
        delimiter: the character between cells.
        encoding: the name of a Python codec.
        names: the names of the columns.
        codes: columns of digits with leading zeros, which are not numbers ("00501").
        note: what the user should know about how the file was read, or "".
        skip: number of lines before the names, or before the first row where there are none.
        has_header: whether a line holds the names.
    """

    delimiter: str
    encoding: str
    names: tuple[str, ...]
    codes: frozenset[str] = frozenset()
    note: str = ""
    skip: int = 0
    has_header: bool = True


def layout_of(path: Path, header: Header = BY_CELLS) -> Layout:
    """Detect how a file is written, from its first 256 kB.

    Raises:
        DataError: it is empty or binary, or its delimiter is not known.
    """
    with opened(path) as stream:
        head = stream.read(_HEAD_BYTES + 1)
    if not head.strip():
        raise DataError(f"{str(path)!r} cannot be read as a table: it is empty.")
    text, encoding, note = _decode(path, head)
    notes = [note] if note else []
    lines = (text if len(head) <= _HEAD_BYTES else text[: text.rfind("\n") + 1]).removeprefix("\ufeff")
    skip, delimiter = _skipped_lines(path, lines, notes)
    lines = "".join(lines.splitlines(keepends=True)[skip:])
    delimiter = delimiter or _find_delimiter(path, lines)
    records = _parse_records(lines, delimiter, quoted_end=len(head) > _HEAD_BYTES)
    has_header = header.is_in(records)
    names = tuple(records[0]) if has_header else numbered_names(len(records[0]))
    _check_delimiter(path, records, delimiter)
    if has_header:
        names, note = unique_names(names)
        notes += [f"{path.name}: {note}"] if note else []
    else:
        notes.append(_no_header_note(path, names))
    codes = {
        names[position]
        for row in records[has_header:]
        for position in range(min(len(row), len(names)))
        if _is_code(row[position])
    }
    return Layout(delimiter, encoding, names, frozenset(codes), " ".join(notes), skip, has_header)


def _no_header_note(path: Path, names: tuple[str, ...]) -> str:
    called = f"its columns are called {names[0]}" + (f" to {names[-1]}" if len(names) > 1 else "")
    return f"{path.name} has no line of names: {called} ({spelled('header', True)} takes the first line as names)."


def _skipped_lines(path: Path, text: str, notes: list[str]) -> tuple[int, str]:
    """The number of lines before the names or the first row, and the delimiter if one of them (`sep=;`) sets it."""
    lines = text.splitlines()
    match = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    skip = 1 if match else 0
    comments = _comment_lines("\n".join(lines[skip:]))
    if comments:
        notes.append(f"{comments} comment lines at the start of {path.name} were skipped.")
    skip += comments
    # Lines of delimiters alone, as spreadsheets write above a table that does not begin in the first row.
    blank = next((place for place, line in enumerate(lines[skip:]) if line.strip(' ,;\t|"')), 0)
    return skip + blank, match[1] if match else ""


def read_delimited(path: Path, as_text: Collection[str] = (), header: Header = BY_CELLS) -> tuple[pd.DataFrame, str]:
    """Read a whole file.

    Args:
        path: the file, compressed or not.
        as_text: columns whose cells are read as text, even if they are digits.
        header: whether the first line holds the names of the columns.

    Returns:
        The frame, and a note about how it was read and its placeholders, or "".

    Raises:
        DataError: as `layout_of`; or a row has more cells than the header.
    """
    layout = layout_of(path, header)
    try:
        return _whole(path, layout, as_text)
    except UnicodeDecodeError:  # only the first lines were UTF-8
        return _whole(path, _other_encoding(path, layout), as_text)


def delimited_batches(
    path: Path,
    rows: int,
    as_text: Collection[str] = (),
    only: Collection[str] | None = None,
    header: Header = BY_CELLS,
) -> Iterator[pd.DataFrame]:
    """Yield frames of up to `rows` rows, with the columns `only` if given; otherwise as `read_delimited`."""
    import pandas as pd

    layout = layout_of(path, header)
    if layout.encoding == "utf-8":
        layout = _other_encoding(path, layout)
    with opened(path) as stream:
        with _reported(path, layout):
            # A function, because it ignores names that are not in the file.
            usecols = None if only is None else lambda name: name in only
            reader: Any = pd.read_csv(stream, chunksize=rows, usecols=usecols, **_options(layout, as_text))
        while True:
            with _reported(path, layout):
                frame = next(reader, None)
            if frame is None:
                return
            yield typed(sanitized(frame), [*layout.codes, *as_text])[0]


def _whole(path: Path, layout: Layout, as_text: Collection[str]) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    with _reported(path, layout), opened(path) as stream:
        frame = pd.read_csv(stream, **_options(layout, as_text))
    frame, placeholders = typed(sanitized(frame), [*layout.codes, *as_text])
    return frame, " ".join(filter(None, [layout.note, note_of(placeholders)]))


def _options(layout: Layout, as_text: Collection[str]) -> dict[str, Any]:
    text_columns = [name for name in layout.names if name in layout.codes or name in as_text]
    return {
        "sep": layout.delimiter,
        "encoding": layout.encoding,
        "skiprows": layout.skip,
        "header": 0 if layout.has_header else None,
        "names": list(layout.names),
        "skipinitialspace": layout.delimiter != "\t",
        "dtype": dict.fromkeys(text_columns, str),
        # "NA" is a missing value in some columns and a value in others, which their cells decide.
        "keep_default_na": False,
        "na_values": [""],
        # Otherwise pandas takes surplus first cells as the index and shifts the columns.
        "index_col": False,
        # Otherwise a column of numbers with one word far below gets cells of mixed types.
        "low_memory": False,
        **_nearest_floats(),
    }


def _nearest_floats() -> dict[str, str]:
    """Numbers are the floats nearest to what is written, as in frames; pandas reads them so by default from 3.1 on."""
    import pandas as pd

    release = tuple(int(part) for part in pd.__version__.split(".")[:2])
    return {} if release >= (3, 1) else {"float_precision": "round_trip"}


@contextmanager
def _reported(path: Path, layout: Layout) -> Iterator[None]:
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
        except MedleyError:
            raise
        except Exception as error:  # of damaged files
            if isinstance(error, UnicodeDecodeError) and layout.encoding == "utf-8":
                raise  # another encoding is tried
            raise DataError(f"{str(path)!r} cannot be read as a table: {described(error)}.") from error


def _reason(message: str, layout: Layout) -> str:
    match = _LONG_LINE.search(message)
    if not match:
        return message.strip()
    expected, line, actual = match.groups()
    advice = f'put cells that hold {layout.delimiter!r} between quotes ("...")'
    return f"line {line} has {actual} cells, where {expected} are expected; {advice}."


def _decode(path: Path, head: bytes) -> tuple[str, str, str]:
    """Decode the beginning of a file; return its text, its encoding, and a note."""
    for byte_order_mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(byte_order_mark):
            try:
                return codecs.getincrementaldecoder(encoding)().decode(head), encoding, ""
            except UnicodeDecodeError as error:
                raise DataError(f"{str(path)!r} cannot be read as a table: it is not valid UTF-16 ({error}).") from None
    if b"\0" in head:
        line = head[: head.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"{str(path)!r} cannot be read as a table: it is not a text file (line {line} contains a zero byte)."
        )
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head), "utf-8", ""
    except UnicodeDecodeError:
        line, encoding = _first_undecodable_line(path)
        return head.decode(encoding, errors="replace"), encoding, _encoding_note(path, line, encoding)


def _first_undecodable_line(path: Path) -> tuple[int, str]:
    """The number of the first line that is not UTF-8, from 1 (0: none), and the encoding to use."""
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
    line, encoding = _first_undecodable_line(path)
    return replace(layout, encoding=encoding, note=_encoding_note(path, line, encoding)) if line else layout


def _encoding_note(path: Path, line: int, encoding: str) -> str:
    name = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}.get(encoding, encoding)
    return f"{path.name} is not UTF-8 (line {line}) and was read as {name}; save it as UTF-8 if characters look wrong."


def _comment_lines(text: str) -> int:
    r"""The number of `#` lines before the header; a last `#` line with as many cells as the next line is the header.

    >>> _comment_lines("# made by hand\n# id,size\n1,2\n"), _comment_lines("#id,size\n1,2\n")
    (1, 0)
    >>> _comment_lines("# one column\nid\n")
    0
    """
    lines = text.splitlines()
    comments = next((position for position, line in enumerate(lines) if not line.startswith("#")), 0)
    if not comments:
        return 0
    cells = max(map(lines[comments].count, DELIMITERS))
    has_names = max(map(lines[comments - 1].count, DELIMITERS)) == cells
    return comments - has_names if cells else 0


def _find_delimiter(path: Path, text: str) -> str:
    candidates = sorted(
        DELIMITERS, key=lambda delimiter: delimiter != ("\t" if ".ts" in path.name or ".tab" in path.name else ",")
    )
    best = max(candidates, key=lambda delimiter: _consistency(text, delimiter))
    lines = [line for line in text.splitlines()[:_RECORDS] if line.strip()]
    if _consistency(text, best)[0]:
        return SPACES if best == "\t" and _has_spaces_between_cells(lines) and _has_spaces_in_cells(lines) else best
    other = next((delimiter for delimiter in _RARE_DELIMITERS if _divides(lines, delimiter)), None)
    if other is not None or _has_spaces_between_cells(lines):
        return other or SPACES
    return next(
        (delimiter for delimiter in candidates if delimiter not in text), ","
    )  # one column; its texts may contain commas


def _divides(lines: list[str], delimiter: str) -> bool:
    counts = {line.count(delimiter) for line in lines}
    return len(lines) > 1 and len(counts) == 1 and counts != {0}


def _has_spaces_in_cells(lines: list[str]) -> bool:
    """Whether some tabs separate cells that are several numbers, so that spaces separate cells, too."""
    cells = [[cell.split() for cell in line.split("\t")] for line in lines[1:]]
    return all(any(len(words) > 1 and all(map(is_number, words)) for words in row) for row in cells)


def _has_spaces_between_cells(lines: list[str]) -> bool:
    """Whether lines have equally many words, and those below the first hold numbers."""
    rows = [_WORD.findall(line) for line in lines]
    is_even = len(rows) > 1 and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1
    return is_even and all(any(map(is_number, row)) for row in rows[1:])


def _consistency(text: str, delimiter: str) -> tuple[float, int]:
    """The fraction of rows with as many cells as the first, and that number; (0, 1) if the first has one cell."""
    widths = [len(row) for row in _parse_records(text, delimiter)]
    if widths[0] == 1:
        return 0.0, 1
    matches = [width == widths[0] for width in widths[1:]]
    # A header alone is a table without rows, which is reported elsewhere.
    return (sum(matches) / len(matches) + 1e-6 if matches else 1.0), widths[0]


def _parse_records(text: str, delimiter: str, *, quoted_end: bool = False) -> list[list[str]]:
    """The first records of a text, at least one; the last is dropped if the text may end inside its quotes."""
    rows: list[list[str]] = []
    if delimiter == SPACES:
        lines = [_WORD.findall(line) for line in text.splitlines()[: _RECORDS + 1]]
        return [[word.strip('"') for word in words] for words in lines if words] or [[""]]
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if row and any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > _RECORDS:
                return rows
    except csv.Error:  # a cell of more than 128 kB: the rows before it are enough
        return rows or [[""]]
    return rows[:-1] if quoted_end and len(rows) > 1 else rows or [[""]]


def _check_delimiter(path: Path, records: list[list[str]], delimiter: str) -> None:
    if len(records[0]) > 1:
        return
    lines = [delimiter.join(row) for row in records]
    separator = next((doubtful for doubtful in _DOUBTFUL_DELIMITERS if _divides(lines, doubtful)), None)
    if separator is None and len({len(line.split()) for line in lines}) == 1 and len(lines[0].split()) > 1:
        separator = " " if all(any(map(is_number, line.split())) for line in lines[1:]) and len(lines) > 1 else None
    if separator:
        raise DataError(
            f"{str(path)!r} is read as one column, {lines[0]!r}: its cells seem to be separated by {separator!r}. "
            "Separate them by a comma, semicolon, tab, space or |, or read the file yourself and pass a DataFrame."
        )


def _is_code(cell: str) -> bool:
    return _LEADING_ZERO.fullmatch(cell.strip()) is not None
