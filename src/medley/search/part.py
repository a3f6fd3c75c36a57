"""Rows on one side of the split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Part:
    """Training or validation rows as the caller gave them, in order.

    Args:
        x: input name -> rows, None where the input is wholly absent.
        y: head name -> labels.
        weight: (N,) sample weights or None.
        size: N.
        numbers: (N,) the caller's number of each row, by which messages name it; None where the rows are the caller's.
        where: what stands before messages about these rows.
    """

    x: Mapping[str, Any]
    y: Mapping[str, Any]
    weight: np.ndarray | None
    size: int
    numbers: np.ndarray | None = None
    where: str = ""
