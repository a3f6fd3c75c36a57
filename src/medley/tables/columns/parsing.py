"""What the parsers of kinds share: distinct values parsed once and spread over the rows, cells parsed one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medley.tables.columns.profile import ColumnProfile
from medley.tables.formats.numbers import NO_VALUE


def spread(profile: ColumnProfile, values: np.ndarray, missing: Any) -> np.ndarray:
    """Values of the distinct cells (D,) -> of all rows (B,), with `missing` where a row has none."""
    return np.append(values, np.array([missing], dtype=values.dtype))[profile.codes]


def parse_distinct(profile: ColumnProfile, parse: Callable[[Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    """Parses each distinct value once: objects (B,), None where missing, and which rows have one (B,)."""
    if not profile.is_plain:
        return np.full(len(profile.series), None, dtype=object), ~profile.present
    distinct = np.empty(len(profile.values), dtype=object)
    distinct[:] = [parse(value) for value in profile.values.tolist()]
    values = spread(profile, distinct, None)
    return values, np.array([value is not None for value in values], bool)


def parse_cells(profile: ColumnProfile, parse: Callable[[Any], Any]) -> tuple[list[Any], np.ndarray]:
    """Parses each cell by itself: a list of B, None where missing, and which rows have one (B,)."""
    cells = zip(profile.series.tolist(), profile.present.tolist(), strict=True)
    values = [parse(cell) if present else None for cell, present in cells]
    return values, np.array([value is not None for value in values], bool)


def says_no_value(profile: ColumnProfile) -> np.ndarray:
    """Rows (B,) that say in words that there is no value ("n/a"): these are missing, not wrong."""
    if profile.values.dtype.kind != "O":
        return np.zeros(len(profile.series), bool)
    distinct = [isinstance(value, str) and value.strip().lower() in NO_VALUE for value in profile.values]
    return np.append(np.array(distinct, bool), False)[profile.codes]
