"""Frames into files: whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from medley.errors import DataError, ErrorCollector

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl")
"""What names of files may end in."""


def check_output(word: str, errors: ErrorCollector) -> None:
    """Adds an error per reason why a file cannot be written; `-` is the terminal or pipe."""
    path = Path(word)
    if word == "-":
        return
    if not path.name.lower().endswith(ENDINGS):
        errors.add(f"-o {word}: files of predictions end in {', '.join(ENDINGS)}; - prints them.")
    if not path.parent.is_dir():
        errors.add(f"-o {word}: there is no folder {str(path.parent)!r}.")
    elif path.is_dir():
        errors.add(f"-o {word} is a folder; give a file.")


def write_frame(frame: pd.DataFrame, word: str) -> None:
    """Writes a frame without its index. A reader of the file sees the old one or the new one, never half of it.

    Args:
        frame: rows.
        word: a file whose name ends in one of `ENDINGS`, or `-`.

    Raises:
        DataError: cells of a column are of several types, and the format wants one.
    """
    if word == "-":
        flat(frame).to_csv(sys.stdout, index=False)
        return
    path = Path(word)
    # Beside the file, because only within one file system it can take its place at once; with its ending, which says
    # how it is packed.
    temporary = path.with_name(f".{token_hex(4)}.{path.name}")
    try:
        _write(frame, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(frame: pd.DataFrame, path: Path) -> None:
    name = path.name.lower()
    if name.endswith(".parquet"):
        try:
            frame.to_parquet(path, index=False)
        except (ValueError, TypeError) as error:  # Arrow's own errors are these
            raise DataError(f"Some column is of no type that Parquet has ({error}); write .csv or .jsonl.") from error
    elif name.endswith(".jsonl"):
        frame.to_json(path, orient="records", lines=True, force_ascii=False, date_format="iso", double_precision=15)
    else:
        flat(frame).to_csv(path, index=False, sep="\t" if name.endswith(".tsv") else ",")


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Lists in cells as JSON, which medley reads again."""
    flat = frame.copy(deep=False)
    for name in flat.columns:
        cells: Any = flat[name]
        if cells.dtype == object and any(isinstance(cell, list | tuple) or hasattr(cell, "tolist") for cell in cells):
            flat[name] = [_told(cell) for cell in cells]
    return flat


def _told(cell: Any) -> Any:
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    return json.dumps(list(cell), ensure_ascii=False, default=str) if isinstance(cell, list | tuple) else cell
