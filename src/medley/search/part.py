"""The rows of one part of a split: training or validation rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medley.core.batch import RowWeights


@dataclass(frozen=True)
class Part:
    """Training or validation rows as the caller passed them, in order.

    Args:
        x: input name -> rows; None if no row has the input.
        y: head name -> labels.
        weight: (N,) sample weights, or head name -> such, or None.
        size: N.
        numbers: (N,) the caller's number of each row, used in messages; None if the rows are in the caller's order.
        where: prefix of messages about these rows ("validation_data").
        folds: (N,) the fold of each row, from 0, where each member of an ensemble leaves out a fold; None for none.
    """

    x: Mapping[str, Any]
    y: Mapping[str, Any]
    weight: RowWeights
    size: int
    numbers: np.ndarray | None = None
    where: str = ""
    folds: np.ndarray | None = None
