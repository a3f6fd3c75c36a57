"""JSON files: an object per line, a list of objects, or columns in any of the forms that pandas writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medley.errors import DataError
from medley.tables.reading.compression import opened

_MOST_DIGITS = 400
"""Whole numbers with more digits are beyond the range of floats."""


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSON file.

    The file holds an object per line, a list of objects, or one object: columns as lists, columns as objects by row
    (`DataFrame.to_json()` and its orientations "split", "index" and "table"), or a list of objects under a name.

    Raises:
        DataError: a line is not valid JSON or not an object; the message gives its number.
    """
    with opened(path) as stream:
        first, number = b"", 0
        while not first.strip():
            line = stream.readline()
            number += 1
            if not line:
                return
            first = line.removeprefix(b"\xef\xbb\xbf")
        if first.lstrip().startswith(b"{") and _is_complete(first):
            second, next_number = _next_line(stream, number)
            if second or ".jsonl" in path.name.lower() or ".ndjson" in path.name.lower():
                yield _record(path, first, number)
                yield from _records(path, stream, second, next_number)
                return
            yield from _rows_of(path, _loads(path, first, ""))
            return
        yield from _rows_of(path, _loads(path, first + stream.read(), "", first_line=number))


def _is_complete(line: bytes) -> bool:
    return line.rstrip().endswith(b"}")


def _next_line(stream: Any, number: int) -> tuple[bytes, int]:
    for line in stream:
        number += 1
        if line.strip():
            return line, number
    return b"", number


def _records(path: Path, stream: Any, line: bytes, number: int) -> Iterator[dict[str, Any]]:
    while line:
        yield _record(path, line, number)
        line, number = _next_line(stream, number)


def _record(path: Path, line: bytes, number: int) -> dict[str, Any]:
    row = _loads(path, line, f"line {number} ")
    if not isinstance(row, dict):
        raise DataError(f"{str(path)!r} cannot be read as a table: line {number} is not an object with names: {{...}}.")
    return row


def _loads(path: Path, text: bytes, where: str, first_line: int = 0) -> Any:
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError:
        reason = f"{where or 'it '}is nested too deeply"
    except ValueError as error:
        reason = f"{where or 'it '}is not valid JSON ({error})"
        if first_line and text.lstrip().startswith(b"{") and b"\n{" in text:
            reason = f"line {first_line} is not valid JSON"
    raise DataError(f"{str(path)!r} cannot be read as a table: {reason}.")


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _rows_of(path: Path, value: Any) -> Iterator[dict[str, Any]]:
    """The rows of a whole JSON value."""
    if isinstance(value, dict):
        yield from _rows_of_object(value)
        return
    if not isinstance(value, list):
        raise DataError(f"{str(path)!r} cannot be read as a table: it is a single value, not rows or columns.")
    for position, row in enumerate(value):
        if not isinstance(row, dict):
            raise DataError(f"{str(path)!r} cannot be read as a table: element {position} is not an object with names.")
        yield row


def _rows_of_object(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    rows = [cells for cells in value.values() if _is_list_of(cells, dict)]
    names: Any = value.get("columns")
    data: Any = value.get("data")
    if _is_list_of(names, str) and _is_list_of(data, list) and set(value) <= {"columns", "data", "index"}:
        yield from (dict(zip(names or (), row, strict=False)) for row in data or ())
    elif len(rows) == 1 and not any(isinstance(cells, list) and cells is not rows[0] for cells in value.values()):
        index = _stored_index(value.get("schema"))
        yield from ({name: cell for name, cell in row.items() if name not in index} for row in rows[0])
    elif value and all(isinstance(cells, list) for cells in value.values()) and len(set(map(len, value.values()))) == 1:
        yield from (dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True))
    elif value and all(isinstance(cells, dict) and cells for cells in value.values()):
        yield from _rows_by_key(value)
    else:
        yield dict(value)


def _stored_index(schema: Any) -> list[Any]:
    """The numbers of the rows, which pandas writes in its orientation "table"."""
    key = schema.get("primaryKey") if isinstance(schema, dict) else None
    return ["index"] if key == ["index"] else []


def _rows_by_key(value: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Columns that are objects by row, or rows that are objects by column, if only the outer keys are numbers."""
    inner = dict.fromkeys(key for cells in value.values() for key in cells)
    if all(map(str.isdigit, value)) and not all(map(str.isdigit, inner)):
        yield from map(dict, value.values())
    else:
        yield from ({name: cells[key] for name, cells in value.items() if key in cells} for key in inner)


def _is_list_of(value: Any, item_type: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, item_type) for item in value)
