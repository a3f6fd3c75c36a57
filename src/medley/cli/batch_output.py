"""Writing frames to one file, batch by batch; the file is replaced only when it is complete."""

from __future__ import annotations

import gzip
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.cli.output import STDOUT, STDOUT_JSON, with_lists_as_json, write_frame
from medley.core.files import remove_leftovers, replacing
from medley.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def open_output(output: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write frames below each other, without their indices. The file is replaced when the block ends without an error.

    Args:
        output: a file whose name ends in one of `output.ENDINGS`, or one of the terminal.

    Yields:
        A function that appends a frame.

    Raises:
        DataError: a column has cells of several types, which the format does not allow.
    """
    if output in (STDOUT, STDOUT_JSON):
        yield _text_writer(sys.stdout, output)
        return
    path = Path(output)
    remove_leftovers(path.parent)
    with replacing(path) as temporary, ExitStack() as stack:
        if path.name.lower().endswith(".parquet"):
            yield stack.enter_context(_parquet_writer(temporary))
        else:
            yield _text_writer(stack.enter_context(_open_text(temporary)), path.name.lower())


def _open_text(path: Path) -> Any:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "wt", encoding="utf-8", newline="")
    return path.open("w", encoding="utf-8", newline="")


def _text_writer(stream: Any, name: str) -> Callable[[pd.DataFrame], None]:
    has_header = False

    def add(frame: pd.DataFrame) -> None:
        nonlocal has_header
        if name.endswith(".jsonl"):
            options: Any = {"orient": "records", "lines": True, "force_ascii": False, "date_format": "iso"}
            frame.to_json(stream, **options, double_precision=15)
        else:
            with_lists_as_json(frame).to_csv(
                stream, index=False, header=not has_header, sep="\t" if name.endswith(".tsv") else ","
            )
        has_header = True

    return add


@contextmanager
def _parquet_writer(path: Path) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write temporary files first: the types that fit all frames are known only after the last one."""
    folder = path.with_name(f"{path.name}.pieces")
    folder.mkdir()
    pieces: list[Path] = []

    def add(frame: pd.DataFrame) -> None:
        pieces.append(folder / f"{len(pieces)}.parquet")
        write_frame(frame, str(pieces[-1]))

    try:
        yield add
        _merge_pieces(pieces, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _merge_pieces(pieces: list[Path], path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    try:
        schemas = [parquet.read_schema(piece).remove_metadata() for piece in pieces]
        schema = pyarrow.unify_schemas(schemas, promote_options="permissive")
        with parquet.ParquetWriter(path, schema) as writer:
            for piece in pieces:
                table = parquet.read_table(piece).replace_schema_metadata(None)
                writer.write_table(table.cast(schema))
                piece.unlink()
    except (ValueError, TypeError, pyarrow.ArrowException) as error:
        raise DataError(f"A column has no type that Parquet supports ({error}); write .csv or .jsonl.") from error
