"""Parsed cells: each column's cells as values of its kind, in the form that codecs take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medley.core.column import ColumnGuess
from medley.errors import DataError, ErrorCollector, listing
from medley.tables.columns.kind import kind_named, parse_column
from medley.tables.columns.missing import missing_values_of
from medley.tables.columns.profile import ColumnProfile, profile_of
from medley.tables.columns.schema import Schema
from medley.tables.reading.read import Table

if TYPE_CHECKING:
    import pandas as pd


_MOST_ERRORS = 10


@dataclass(frozen=True)
class Cells:
    """The parsed cells of one column of B rows.

    Args:
        values: by kind:

            - number: float64 (B,), NaN where missing; durations in days;
            - time: datetime64[us] (B,), in UTC;
            - boolean, category, text: object (B,) of bool, of labels of one type, of str; None where missing;
            - image: a list of B paths, bytes, arrays or Pillow images, None where missing; a list of B lists if a cell
              holds several;
            - vector: float32 (B, D), rows of NaN where missing;
            - set: a list of B lists of labels; series: a list of B arrays; None where missing;
            - anything else: a list of the unchanged cells.
        unparsed: positions of the rows whose cell is not empty but cannot be parsed as its kind, or is infinite: it
            counts as missing.
    """

    values: Any
    unparsed: np.ndarray


def read_columns(table: Table, schema: Schema) -> dict[str, Cells]:
    """Parse all columns that a network learns from, as the schema says; others are ignored.

    Args:
        table: has the schema's columns, in any order, and possibly others.
        schema: kinds of the columns.

    Raises:
        DataError: columns are missing (all are reported, each with similar names).

    >>> from medley.tables.columns.infer import infer
    >>> from medley.tables.reading.read import read
    >>> schema = infer({"size": ["1 kg", "2 kg", "3 kg"]})
    >>> read_columns(read({"size": ["5 kg", "many"], "more": [0, 0]}), schema)["size"]
    Cells(values=array([ 5., nan]), unparsed=array([1]))
    """
    check_columns(table, schema.used)
    return {name: table_cells(table, schema[name]) for name in schema.used}


def check_columns(table: Table, names: Sequence[str]) -> None:
    """Check that a table has all of these columns.

    Raises:
        DataError: columns are missing (all are reported, each with similar names).
    """
    present, errors = list(table.frame.columns), ErrorCollector()
    missing = [name for name in names if name not in set(present)]
    for name in missing[:_MOST_ERRORS]:
        similar = get_close_matches(name, present, n=3)
        hint = f"near: {listing(map(repr, similar))}" if similar else f"it has {listing(map(repr, present))}"
        errors.add(f"Column {name!r} is missing in {table.origin}; {hint}.")
    if len(missing) > _MOST_ERRORS:
        others = listing(map(repr, missing[_MOST_ERRORS:]), see="see the model's describe()")
        errors.add(f"{len(missing) - _MOST_ERRORS} more of the {len(names)} columns are missing: {others}.")
    errors.raise_if_any(DataError)


def read_cells(series: pd.Series, guess: ColumnGuess, root: Path | None = None) -> Cells:
    """Parse one column.

    Args:
        series: its cells, of any type: numbers may be written as strings.
        guess: the kind of the column.
        root: the folder that relative paths start from; by default the current one.
    """
    return _parse(ColumnProfile(guess.name, series, root or Path()), guess)


def table_cells(table: Table, guess: ColumnGuess) -> Cells:
    """Parse one column of a table; the result is cached in the table.

    Args:
        table: has the column.
        guess: the kind of the column.
    """
    key = ("cells", guess)
    if key not in table.cache:
        table.cache[key] = _parse(profile_of(table, guess.name), guess)
    return table.cache[key]


def guessed_profile(table: Table, guess: ColumnGuess) -> ColumnProfile:
    """The profile of a table's column, in which the strings that the guess takes for missing values are missing."""
    return profile_of(table, guess.name).without(missing_values_of(guess))


def _parse(profile: ColumnProfile, guess: ColumnGuess) -> Cells:
    profile = profile.without(missing_values_of(guess))
    if kind_named(guess.kind).is_single_valued:
        profile = profile.single_valued
    values, parsed = parse_column(profile, guess.kind, guess.form)
    return Cells(values, np.flatnonzero((profile.present & ~parsed) | profile.infinite))
