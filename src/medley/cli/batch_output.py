"""Frames into one file, piece by piece: whole or not at all."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from medley.cli.output import flat, write_frame
from medley.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def writing(word: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Writes frames below each other, without their indices. The file takes its place when the block ends well.

    Args:
        word: a file whose name ends in one of `output.ENDINGS`, or `-`.

    Yields:
        A function that adds a frame.

    Raises:
        DataError: cells of a column are of several types, and the format wants one.
    """
    if word == "-":
        yield _text(sys.stdout, word)
        return
    path = Path(word)
    fresh = path.with_name(f".{token_hex(4)}.{path.name}")
    try:
        with ExitStack() as stack:
            if path.name.lower().endswith(".parquet"):
                yield stack.enter_context(_parquet(fresh))
            else:
                yield _text(stack.enter_context(_opened(fresh)), path.name.lower())
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _opened(path: Path) -> Any:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def _text(stream: Any, name: str) -> Callable[[pd.DataFrame], None]:
    begun = False

    def add(frame: pd.DataFrame) -> None:
        nonlocal begun
        if name.endswith(".jsonl"):
            how: Any = {"orient": "records", "lines": True, "force_ascii": False, "date_format": "iso"}
            frame.to_json(stream, **how, double_precision=15)
        else:
            flat(frame).to_csv(stream, index=False, header=not begun, sep="\t" if name.endswith(".tsv") else ",")
        begun = True

    return add


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Pieces become files of their own first: only the last one tells what types all of them fit into."""
    folder = path.with_name(f"{path.name}.pieces")
    folder.mkdir()
    pieces: list[Path] = []

    def add(frame: pd.DataFrame) -> None:
        pieces.append(folder / f"{len(pieces)}.parquet")
        write_frame(frame, str(pieces[-1]))

    try:
        yield add
        _join(pieces, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _join(pieces: list[Path], path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    try:
        schemas = [parquet.read_schema(one).remove_metadata() for one in pieces]
        schema = pyarrow.unify_schemas(schemas, promote_options="permissive")
        with parquet.ParquetWriter(path, schema) as writer:
            for one in pieces:
                table = parquet.read_table(one).replace_schema_metadata(None)
                writer.write_table(table.cast(schema))
                one.unlink()
    except (ValueError, TypeError, pyarrow.ArrowException) as error:
        raise DataError(f"Some column is of no type that Parquet has ({error}); write .csv or .jsonl.") from error
