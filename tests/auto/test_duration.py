"""Time limits such as "10m"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medley.auto.duration import seconds
from medley.errors import ConfigError


@pytest.mark.parametrize(
    ("limit", "wanted"),
    [
        (None, None),
        (90, 90.0),
        (0.5, 0.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("10m", 600.0),
        (" 10M ", 600.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
        ("1d1h1m1s", 90061.0),
    ],
)
def test_numbers_are_seconds_and_strings_have_units(limit, wanted):
    assert seconds(limit) == wanted


@pytest.mark.parametrize(
    "limit",
    [0, -1, "0s", "", "soon", "10 minutes", "m", "10x", "-5m", "1.2.3s", True, float("nan"), float("inf"), [10]],
)
def test_invalid_time_limits_are_errors(limit):
    with pytest.raises(ConfigError, match='time_limit must be seconds or a string like "90s"'):
        seconds(limit)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_parts_add_up(hours, minutes, rest):
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest
