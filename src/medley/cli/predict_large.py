"""`medley predict` for tables that are larger than memory: read, predicted and written in batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medley.cli.batch_output import writing
from medley.cli.progress import bar
from medley.core.numbering import gathered, numbered
from medley.tables.reading.large_table import LargeTable
from medley.tables.reading.memory import frame_bytes
from medley.tables.reading.read import Table, batches

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from medley.tables.predictor import Predictor

_PEEK = 256


def large_table(model: Predictor, table: str, root: str | None, memory: int) -> LargeTable:
    """A table in a file or folder, as a model reads it in batches.

    Args:
        model: reads tables.
        table: the file or folder.
        root: the folder that relative paths count from.
        memory: bytes that may be taken.

    Raises:
        DataError: it cannot be read, or lacks required columns.
    """
    assert model.table is not None
    path = Path(table)
    own = path if path.is_dir() else path.parent
    words = frozenset(model.table.words)
    first = next(batches(path, _PEEK, as_text=words))
    model.table.read(Table(first, own, str(path)), root, empty=True)
    size = frame_bytes(first) / max(len(first), 1)
    return LargeTable(path, own if root is None else Path(root), memory, words, size)


def predict_large(
    model: Predictor,
    table: LargeTable,
    output: str,
    finished: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame],
    rows: int,
    *,
    proba: bool,
) -> None:
    """Writes predictions batch by batch.

    Args:
        model: reads tables.
        table: rows.
        output: a file, or `-`.
        finished: rows and their predictions -> what is written.
        rows: how many are predicted at once.
        proba: whether to have a column per class besides.
    """
    with gathered(), bar("rows", None) as done, writing(output) as add:
        for start, batch in table.batches():
            for first in range(0, len(batch), rows):
                some = replace(batch, frame=batch.frame.iloc[first : first + rows])
                with numbered(start + first + np.arange(len(some))):
                    add(finished(some.frame, model.predict_frame(some, proba=proba)))
                done(len(some))
