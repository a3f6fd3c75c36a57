"""Parses time limits such as "10m"."""

from __future__ import annotations

import re

from medley.errors import ConfigError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(limit: float | str | None) -> float | None:
    """Converts a time limit to seconds.

    Args:
        limit: seconds, or "90s", "10m", "1h30m", "2d"; None is no limit.

    Raises:
        ConfigError: it cannot be parsed, or is not positive.

    >>> seconds("1h30m"), seconds(90), seconds(None)
    (5400.0, 90.0, None)
    """
    if limit is None:
        return None
    duration = None
    if isinstance(limit, str):
        text = limit.strip().lower()
        if re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
            duration = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", text))
        elif re.fullmatch(r"\d+(\.\d+)?", text):
            duration = float(text)
    elif isinstance(limit, int | float) and not isinstance(limit, bool):
        duration = float(limit)
    if duration is None or not 0 < duration < float("inf"):
        message = f'must be seconds or a string like "90s", "10m", "1h30m", got {limit!r}.'
        raise ConfigError(message, argument="time_limit")
    return duration
