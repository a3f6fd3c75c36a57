"""`medley predict` for tables that are larger than memory: read, predicted and written in batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.cli.batch_output import open_output
from medley.core.progress_bar import progress_bar
from medley.core.row_reporting import WarningCollector, using_row_numbers
from medley.tables.reading.files import locate
from medley.tables.reading.large_table import LargeTable
from medley.tables.reading.memory import frame_bytes
from medley.tables.reading.read import Table, batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from medley.tables.predictor import Predictor

_PEEK_ROWS = 256


def large_table(model: Predictor, table: Any, root: str | None, memory: int) -> LargeTable:
    """Prepare a table in a file or folder for reading in batches.

    Args:
        model: a model that reads tables.
        table: its files, in any form that `files.locate` takes.
        root: the folder that relative paths start from.
        memory: bytes of memory that may be used.

    Raises:
        DataError: it cannot be read, or lacks required columns.
    """
    assert model.table is not None
    source = locate(table)
    text_columns = frozenset(model.table.text_columns)
    first = next(batches(source, _PEEK_ROWS, as_text=text_columns))
    model.table.read(Table(first, source.folder, str(source)), root, empty=True)
    size = frame_bytes(first) / max(len(first), 1)
    return LargeTable(source, source.folder if root is None else Path(root), memory, text_columns, size)


def predict_large(
    model: Predictor,
    table: LargeTable,
    output: str,
    to_output: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame],
    rows: int,
    options: Mapping[str, Any],
    *,
    is_shown: bool = True,
) -> None:
    """Predict a table and write the predictions, batch by batch.

    Args:
        model: a model that reads tables.
        table: the rows.
        output: a file, or `-`, `-.jsonl`.
        to_output: rows and their predictions -> the rows to write.
        rows: the number of rows per batch.
        options: arguments of `Predictor.predict_frame`.
        is_shown: whether progress is.
    """
    with WarningCollector(), progress_bar("rows", None, is_shown=is_shown) as advance, open_output(output) as write:
        for start, batch in table.batches():
            for first in range(0, len(batch), rows):
                chunk = replace(batch, frame=batch.frame.iloc[first : first + rows])
                with using_row_numbers(start + first + np.arange(len(chunk))):
                    write(to_output(chunk.frame, model.predict_frame(chunk, **options)))
                advance(len(chunk))
