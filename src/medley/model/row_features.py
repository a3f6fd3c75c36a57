"""What is compared of rows when they may have drifted, and what is missing in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from medley.core.codec import Encoded
from medley.core.linear import SupervisedCodec
from medley.core.spec import Spec
from medley.data.sources import Source
from medley.tables.view import TableView
from medley.trust.histograms import MOST_CODES
from medley.trust.reference import Features

DERIVED = ": "
"""Between the name of a column and that of a number that is derived from it, such as the year of a time; only the first
of these is compared."""


def row_features(
    sources: Sequence[Source], encoded: Mapping[str, Encoded], x: Mapping[str, Any], table: TableView | None
) -> Features:
    """What is compared of rows: each column of a table; of other inputs, whether they are there, and simple properties.

    Of texts, these are the number of words, and one word of each row (as one of 20 hash values, so that no word can be
    read); of lists, their length; of images, recordings and anything else, the mean and the standard deviation of their
    numbers. Private columns are left out.

    Args:
        sources: of the model.
        encoded: source name -> encoded rows.
        x: input name -> the rows themselves, as far as they are at hand.
        table: how the model reads a table, or None.
    """
    features: dict[str, tuple[np.ndarray, bool]] = {}
    for source in _plain(sources):
        spec, rows = source.codec.spec, encoded[source.name]
        if spec.columns:
            for place, column in enumerate(spec.columns):
                is_code = column.kind == "categorical"
                values = np.where(rows.present, rows.array[:, place].astype(np.float64), np.nan)
                features.setdefault(_base(column.name), (np.nan_to_num(values) if is_code else values, is_code))
        elif not spec.cardinality:
            name = input_label(source.input_name, table)
            features |= {f"{name}{DERIVED}{key}": (values, False) for key, values in _numbers(spec, rows).items()}
    for input_name, values in x.items():
        label = input_label(input_name, table)
        features |= {f"{label}{DERIVED}{key}": pair for key, pair in _of_cells(values).items()}
    private = set() if table is None else set(table.private)
    return {name: pair for name, pair in features.items() if not private & {name, *_base(name).split(", ")}}


def missing_names(
    sources: Sequence[Source], encoded: Mapping[str, Encoded], x: Mapping[str, Any], table: TableView | None
) -> list[list[str]]:
    """Which columns or inputs each row lacks; a category that the model does not know counts, too.

    Args:
        sources: of the model.
        encoded: source name -> encoded rows.
        x: input name -> the rows themselves; None for inputs that all rows lack.
        table: how the model reads a table, or None.
    """
    masks: dict[str, np.ndarray] = {}
    for source in _plain(sources):
        spec, rows = source.codec.spec, encoded[source.name]
        if spec.columns:
            for place, column in enumerate(spec.columns):
                cells = rows.array[:, place]
                is_missing = cells == 0 if column.kind == "categorical" else ~np.isfinite(cells)
                masks.setdefault(_base(column.name), is_missing | ~rows.present)
        else:
            masks.setdefault(input_label(source.input_name, table), ~rows.present)
    size = len(next(iter(encoded.values())).present)
    for input_name, values in x.items():
        cells = [None] * size if values is None else _cells(values)
        if cells is not None:
            masks.setdefault(input_label(input_name, table), np.array([_is_empty(cell) for cell in cells], bool))
    return [[name for name, mask in masks.items() if mask[row]] for row in range(size)]


def input_label(name: str, table: TableView | None) -> str:
    """What an input is called: the columns that feed it, or its own name where the model reads no table."""
    feeds = () if table is None else table.feeds
    return ", ".join(column for feed in feeds if feed.name == name for column in feed.columns) or name


def _plain(sources: Sequence[Source]) -> list[Source]:
    """The sources that encode inputs; not those made of other inputs, which are compared themselves."""
    return [source for source in sources if not source.reads and not isinstance(source.codec, SupervisedCodec)]


def _base(name: str) -> str:
    return name.partition(DERIVED)[0]


def _numbers(spec: Spec, rows: Encoded) -> dict[str, np.ndarray]:
    """Property -> values (B,), NaN where the input is missing."""
    numbers = np.asarray(rows.array).reshape(len(rows.array), -1).astype(np.float32)
    with np.errstate(all="ignore"):
        properties = {"mean": numbers.mean(axis=1), "deviation": numbers.std(axis=1)}
    return {name: np.where(rows.present, values, np.nan) for name, values in properties.items()}


def _cells(values: Any) -> list[Any] | None:
    """Rows as a list of texts or lists; None where they are something else."""
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "OUT":
        values = values.tolist()
    if not isinstance(values, list):
        return None
    kinds = {type(cell) for cell in values} - {type(None), float}
    return values if kinds and kinds <= {str, list, tuple} else None


def _is_empty(cell: Any) -> bool:
    return not isinstance(cell, str | list | tuple) or len(cell) == 0


def _of_cells(values: Any) -> dict[str, tuple[np.ndarray, bool]]:
    """Property -> values (B,) and whether they are codes, of texts or lists."""
    cells = _cells(values)
    if cells is None:
        return {}
    words = [None if _is_empty(cell) else cell.split() if isinstance(cell, str) else cell for cell in cells]
    properties = {"length": (np.array([np.nan if row is None else len(row) for row in words]), False)}
    if any(isinstance(cell, str) for cell in cells):
        # One word per row: rows are independent of each other, words of a row are not.
        codes = [0 if not row else 1 + crc32(str(row[len(row) // 2]).lower().encode()) % MOST_CODES for row in words]
        properties["words"] = (np.array(codes, np.float64), True)
    return properties
