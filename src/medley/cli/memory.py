"""How much memory a verb may take for a table."""

from __future__ import annotations

import argparse

from medley.errors import ErrorCollector, MedleyError


def add_memory(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that says so."""
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        default="auto",
        help="2GB, 500MB, ...: a table that would take more is read in batches (default: a share of what is free)",
    )


def memory_of(word: str, errors: ErrorCollector) -> int:
    """Bytes of memory; for an invalid size an error is added, and the bytes are those of `auto`."""
    from medley.tables.reading.memory import memory_bytes

    try:
        return memory_bytes(word)
    except MedleyError as error:
        errors.collect(error)
        return memory_bytes("auto")
