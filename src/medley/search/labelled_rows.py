"""Rows of inputs with their labels and weights: the training or the validation rows of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.batch import RowWeights


@dataclass(frozen=True)
class LabelledRows:
    """Training or validation rows as passed by the caller, in order.

    Args:
        x: input name -> rows; None if no row has the input.
        y: head name -> labels.
        weight: (N,) sample weights, or head name -> such, or None.
        size: number of rows N.
        numbers: (N,) the caller's number of each row, for messages; None if they are 0 to N - 1.
        where: prefix of messages about these rows ("validation_data").
        folds: (N,) the fold of each row, from 0, if each member of an ensemble leaves out one fold; else None.
        groups: (N,) integers, equal for rows that a split must not separate; None where rows are independent.
    """

    x: Mapping[str, Any]
    y: Mapping[str, Any]
    weight: RowWeights
    size: int
    numbers: np.ndarray | None = None
    where: str = ""
    folds: np.ndarray | None = None
    groups: np.ndarray | None = None


def row_numbers(rows: LabelledRows) -> np.ndarray:
    """(N,) the caller's number of each row."""
    return np.arange(rows.size) if rows.numbers is None else rows.numbers
