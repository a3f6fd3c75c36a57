"""The cells of a column as what its kind says, in the form that codecs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.column import ColumnGuess
from medley.errors import DataError, ErrorCollector
from medley.tables.columns.kind import parse_column
from medley.tables.columns.profile import ColumnProfile, profile_of
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cells:
    """One column of B rows, read.

    Args:
        values: by kind:

            - number: float64 (B,), NaN where missing; durations in days;
            - time: datetime64[us] (B,), in UTC;
            - boolean, category, text: object (B,) of bool; of one type of label; of str; None where missing;
            - image: a list of B paths, bytes, arrays, images of Pillow's; None where missing; where a cell holds
              several, a list of B lists;
            - vector: float32 (B, D), rows of NaN where missing;
            - set: a list of B lists of labels; series: a list of B arrays; None where missing;
            - anything else: a list of the cells as they are.
        unparsed: positions of the rows whose cell is there, but is nothing of that kind: it counts as missing.
    """

    values: Any
    unparsed: np.ndarray


def read_columns(table: Table, schema: Schema) -> dict[str, Cells]:
    """All columns that a network learns from, read as the schema says; others are not looked at.

    Args:
        table: rows, with the schema's columns in any order and any others.
        schema: kinds of the columns.

    Raises:
        DataError: columns are missing; tells all, and the names that are near.

    >>> from medley.tables.columns.infer import infer
    >>> from medley.tables.reading.read import read
    >>> schema = infer({"size": ["1 kg", "2 kg", "3 kg"]})
    >>> read_columns(read({"size": ["5 kg", "many"], "more": [0, 0]}), schema)["size"]
    Cells(values=array([ 5., nan]), unparsed=array([1]))
    """
    check_columns(table, schema.used)
    return {name: table_cells(table, schema[name]) for name in schema.used}


def check_columns(table: Table, names: Sequence[str]) -> None:
    """Makes sure that a table has some columns.

    Raises:
        DataError: columns are missing; tells all, and the names that are near.
    """
    there, errors = list(table.frame.columns), ErrorCollector()
    for name in names:
        if name not in there:
            near = get_close_matches(name, there, n=3)
            told = f"near: {', '.join(map(repr, near))}" if near else f"it has {', '.join(map(repr, there[:20]))}"
            errors.add(f"Column {name!r} is missing in {table.origin}; {told}.")
    errors.raise_if_any(DataError)


def read_cells(series: pd.Series, guess: ColumnGuess, root: Path | None = None) -> Cells:
    """One column, parsed.

    Args:
        series: its cells, of whatever type: a column of numbers may come as strings.
        guess: what they are.
        root: the folder that relative paths count from; the current one, if left out.
    """
    return _parse(ColumnProfile(guess.name, series, root or Path()), guess)


def table_cells(table: Table, guess: ColumnGuess) -> Cells:
    """One column of a table, parsed once for all who ask.

    Args:
        table: has the column.
        guess: what its cells are.
    """
    return _parse(profile_of(table, guess.name), guess)


def _parse(profile: ColumnProfile, guess: ColumnGuess) -> Cells:
    values, parsed = parse_column(profile, guess.kind, guess.form)
    return Cells(values, np.flatnonzero(profile.present & ~parsed))
