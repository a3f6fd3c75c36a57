"""Rows in files of JSON: an object per line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medley.errors import DataError
from medley.tables.reading.compression import opened


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the objects of a file: one per line, or one list of them.

    Raises:
        DataError: a line is no JSON, or no object; tells which.
    """
    with opened(path) as stream:
        number = 0
        for line in stream:
            number += 1
            if not line.strip():
                continue
            if number == 1 and line.lstrip().startswith(b"["):
                yield from _one_list(path, line + stream.read())
                return
            yield _record(path, line, f"line {number}")


def _one_list(path: Path, text: bytes) -> Iterator[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: it is no JSON ({error}).") from None
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{str(path)!r} cannot be read as a table: element {place} is no object with names.")
        yield row


def _record(path: Path, line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{str(path)!r} cannot be read as a table: {where} is no JSON ({error}).") from None
    if not isinstance(row, dict):
        raise DataError(f"{str(path)!r} cannot be read as a table: {where} is no object with names: {{...}}.")
    return row
