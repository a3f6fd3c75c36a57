"""Writing frames to files; a file is replaced only when it is complete."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.json_output import add_json
from medley.core.files import remove_leftovers, replacing
from medley.errors import DataError, ErrorCollector

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet", ".jsonl")
"""Allowed endings of output files."""


STDOUT, STDOUT_JSON = "-", "-.jsonl"
"""Outputs that are the standard output: CSV, and an object per row and line."""


def add_rows_as_json(parser: argparse.ArgumentParser) -> None:
    """Add the option `--json` of a command that writes rows."""
    add_json(parser, "print one JSON object per row and line")


def output_of(args: argparse.Namespace, errors: ErrorCollector) -> str:
    """The output of a command that writes rows; adds an error for each reason why it cannot be written."""
    if args.json and args.output != STDOUT:
        errors.add(f"--json prints rows, and -o {args.output} writes them; a file that ends in .jsonl holds JSON.")
    check_output(args.output, errors)
    return STDOUT_JSON if args.json else args.output


def check_output(output: str, errors: ErrorCollector) -> None:
    """Add an error for each reason why a file cannot be written; `-` is the standard output."""
    path = Path(output)
    if output == STDOUT:
        return
    if not path.name.lower().endswith(ENDINGS):
        errors.add(f"-o {output}: output files end in {', '.join(ENDINGS)}; - prints to the terminal.")
    if not path.parent.is_dir():
        errors.add(f"-o {output}: there is no folder {str(path.parent)!r}.")
    elif path.is_dir():
        errors.add(f"-o {output} is a folder; choose a file.")


def write_frame(frame: pd.DataFrame, output: str) -> None:
    """Write a frame without its index. Readers of the file see the old content or the new one, never a part of it.

    Args:
        frame: rows.
        output: a file whose name ends in one of `ENDINGS`, or an output of the terminal.

    Raises:
        DataError: a column has cells of several types, which the format does not allow.
    """
    if output in (STDOUT, STDOUT_JSON):
        _write_text(frame, sys.stdout, output)
        return
    path = Path(output)
    remove_leftovers(path.parent)
    with replacing(path) as temporary:
        _write(frame, temporary)


def _write(frame: pd.DataFrame, path: Path) -> None:
    name = path.name.lower()
    if name.endswith(".parquet"):
        try:
            frame.to_parquet(path, index=False)
        except (ValueError, TypeError) as error:  # Arrow's errors
            raise DataError(f"A column has no type that Parquet supports ({error}); write .csv or .jsonl.") from error
    else:
        _write_text(frame, path, name)


def _write_text(frame: pd.DataFrame, target: Any, name: str) -> None:
    """Write rows as text; the ending of a name decides about the format."""
    if name.endswith(".jsonl"):
        frame.to_json(target, orient="records", lines=True, force_ascii=False, date_format="iso", double_precision=15)
    else:
        with_lists_as_json(frame).to_csv(target, index=False, sep="\t" if name.endswith(".tsv") else ",")


def with_lists_as_json(frame: pd.DataFrame) -> pd.DataFrame:
    """Convert lists in cells to JSON strings, which medley can read."""
    converted = frame.copy(deep=False)
    for name in converted.columns:
        cells: Any = converted[name]
        if cells.dtype == object and any(isinstance(cell, list | tuple) or hasattr(cell, "tolist") for cell in cells):
            converted[name] = [_as_json(cell) for cell in cells]
    return converted


def _as_json(cell: Any) -> Any:
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    return json.dumps(list(cell), ensure_ascii=False, default=str) if isinstance(cell, list | tuple) else cell
