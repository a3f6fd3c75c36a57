"""Numbers of users as float32."""

from __future__ import annotations

from typing import Any

import numpy as np

LARGEST_SCALED = 1e12
"""Standardised numbers of this size can be multiplied with weights in float32."""

LARGEST_SQUARED = 1e100
"""Numbers of this size have squares, and sums of squares, that are finite in float64."""


def as_float32(values: Any) -> np.ndarray:
    """Numbers of any size as float32; those beyond its range become infinite without a warning.

    >>> as_float32([1.5, 1e300])
    array([1.5, inf], dtype=float32)
    """
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)


def limited(values: np.ndarray, most: float) -> np.ndarray:
    """Numbers, those beyond a limit replaced by it; NaN stays NaN.

    >>> limited(np.array([1.0, -np.inf, np.nan]), 1e100)
    array([ 1.e+000, -1.e+100,      nan])
    """
    return np.minimum(np.maximum(values, -most), most)  # np.clip takes several times as long for a few rows
