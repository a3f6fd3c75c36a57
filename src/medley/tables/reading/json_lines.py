"""JSON files: one object per line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medley.errors import DataError
from medley.tables.reading.compression import opened


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of one object per line, or of one list of objects.

    Raises:
        DataError: a line is not valid JSON or not an object; the message gives its number.
    """
    with opened(path) as stream:
        number = 0
        for line in stream:
            number += 1
            if not line.strip():
                continue
            if number == 1 and line.lstrip().startswith(b"["):
                yield from _list_rows(path, line + stream.read())
                return
            yield _parse_record(path, line, f"line {number}")


def _list_rows(path: Path, text: bytes) -> Iterator[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: it is not valid JSON ({error}).") from None
    for position, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{str(path)!r} cannot be read as a table: element {position} is not an object with names.")
        yield row


def _parse_record(path: Path, line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: {where} is not valid JSON ({error}).") from None
    if not isinstance(row, dict):
        raise DataError(f"{str(path)!r} cannot be read as a table: {where} is not an object with names: {{...}}.")
    return row
