"""Time limits as people write them."""

from __future__ import annotations

import re

from medley.errors import ConfigError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(limit: float | str | None) -> float | None:
    """Seconds in a number or in words.

    Args:
        limit: seconds, or "90s", "10m", "1h30m", "2d"; None is no limit.

    Raises:
        ConfigError: it says no time above 0.

    >>> seconds("1h30m"), seconds(90), seconds(None)
    (5400.0, 90.0, None)
    """
    if limit is None:
        return None
    found = None
    if isinstance(limit, str):
        word = limit.strip().lower()
        if re.fullmatch(r"(\d+(\.\d+)?[smhd])+", word):
            found = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)([smhd])", word))
        elif re.fullmatch(r"\d+(\.\d+)?", word):
            found = float(word)
    elif isinstance(limit, int | float) and not isinstance(limit, bool):
        found = float(limit)
    if found is None or not 0 < found < float("inf"):
        message = f'must be seconds or words like "90s", "10m", "1h30m", got {limit!r}.'
        raise ConfigError(message, argument="time_limit")
    return found
