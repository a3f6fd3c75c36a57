"""Shared helpers of the kinds' parsers: parse each distinct value once, or cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from medley.tables.columns.profile import ColumnProfile
from medley.tables.reading.sanitize import UnreadableCell


def spread(profile: ColumnProfile, values: np.ndarray, missing: Any) -> np.ndarray:
    """Map values of the distinct cells (D,) to all rows (B,), with `missing` where a cell is missing."""
    return np.append(values, np.array([missing], dtype=values.dtype))[profile.codes]


def parse_distinct(profile: ColumnProfile, parse: Callable[[Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    """Parse each distinct value once: objects (B,), None where missing, and a mask of the parsed rows (B,)."""
    if not profile.is_plain:
        return np.full(len(profile.series), None, dtype=object), ~profile.present
    distinct = np.empty(len(profile.values), dtype=object)
    distinct[:] = [parse(value) for value in profile.values.tolist()]
    values = spread(profile, distinct, None)
    return values, np.array([value is not None for value in values], bool)


def parse_cells(profile: ColumnProfile, parse: Callable[[Any], Any]) -> tuple[list[Any], np.ndarray]:
    """Parse each cell: a list of B, None where missing, and a mask of the parsed rows (B,)."""
    cells = zip(profile.series.tolist(), profile.present.tolist(), strict=True)
    values = [parse(cell) if present and not isinstance(cell, UnreadableCell) else None for cell, present in cells]
    return values, np.array([value is not None for value in values], bool)
