"""Numbers of rows: of inputs, and per forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medley.core.arguments import check_whole_number
from medley.data.rows import count
from medley.errors import ConfigError, DataError, ErrorCollector


def has_no_rows(x: Mapping[str, Any]) -> bool:
    """Whether all inputs have the same number of rows, none."""
    try:
        return {count(values) for values in without_absent(x).values()} == {0}
    except DataError:  # the check of row counts that follows reports it
        return False


def without_absent(x: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out inputs that are None, that is, absent in all rows."""
    return {name: values for name, values in x.items() if values is not None}


def rows_per_pass(batch_size: Any) -> int:
    """The maximum number of rows per forward pass; 1024 by default.

    Raises:
        ConfigError: it is not a whole number of at least 1.

    >>> rows_per_pass(None), rows_per_pass(64)
    (1024, 64)
    """
    if batch_size is None:
        return 1024
    rows = int(batch_size) if isinstance(batch_size, np.integer) else batch_size
    errors = ErrorCollector()
    check_whole_number(errors, rows, "batch_size")
    errors.raise_if_any(ConfigError)
    return rows
