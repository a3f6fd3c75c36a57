"""The `--memory` option: how much memory a command may use for a table."""

from __future__ import annotations

import argparse

from medley.errors import ErrorCollector, MedleyError


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Add `--memory`."""
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        default="auto",
        help="2GB, 500MB, ...: larger tables are read in batches (default: 40%% of the available memory)",
    )


def memory_of(size: str, errors: ErrorCollector) -> int:
    """Parse the size; for an invalid one, an error is added and the default returned."""
    from medley.tables.reading.memory import memory_bytes

    try:
        return memory_bytes(size)
    except MedleyError as error:
        errors.collect(error)
        return memory_bytes("auto")
