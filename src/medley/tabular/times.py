"""Times as numbers that a network can use."""

from __future__ import annotations

from typing import Any

import numpy as np

ELAPSED = ": days"
_CYCLES = (("year", 365.2425), ("week", 7.0), ("day", 1.0))


def time_features(name: str, times: Any) -> dict[str, np.ndarray]:
    """Days since 1970, and the phases of year, week and day as sine and cosine: cycles without a jump.

    Args:
        name: the column.
        times: (B,) datetimes, NaT where missing.

    Returns:
        Column name -> float64 (B,), NaN where missing.

    >>> features = time_features("born", np.array(["1970-01-02", "NaT"], "datetime64[s]"))
    >>> features["born: days"].tolist(), len(features)
    ([1.0, nan], 7)
    """
    stamps = np.asarray(times, dtype="datetime64[s]")
    missing = np.isnat(stamps)
    seconds = np.where(missing, 0, stamps.astype(np.int64)).astype(np.float64)
    days = seconds / 86_400
    features = {f"{name}{ELAPSED}": np.where(missing, np.nan, days)}
    # 1970-01-01 was a Thursday; the phase of a circle does not matter to a network.
    for cycle, length in _CYCLES:
        angle = 2 * np.pi * (days % length) / length
        features[f"{name}: {cycle}, sine"] = np.where(missing, np.nan, np.sin(angle))
        features[f"{name}: {cycle}, cosine"] = np.where(missing, np.nan, np.cos(angle))
    return features


def is_time_feature(column: str) -> bool:
    """Whether `time_features` returned a column of this name.

    >>> is_time_feature("born: days"), is_time_feature("born")
    (True, False)
    """
    ends = [f": {cycle}, {part}" for cycle, _ in _CYCLES for part in ("sine", "cosine")]
    return column.endswith((ELAPSED, *ends))
