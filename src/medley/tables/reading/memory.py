"""How much memory there is, and how much of it a table in a file would take."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import ConfigError, MedleyError
from medley.tables.reading.compression import PACKED
from medley.tables.reading.read import tables_of

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SHARE = 0.4
_PER_BYTE = 4.0
"""What a byte of a text file takes in memory: its frame, the cells read from it, and room to work in."""
_PACKED = 4.0
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes(word: float | str | None) -> int:
    """Bytes in a number or in words.

    Args:
        word: bytes, or "500MB", "2GB", "2 GiB"; "auto" and None are a share of what is available now.

    Raises:
        ConfigError: it says no size above 0.

    >>> memory_bytes("2GB"), memory_bytes("512 kB"), memory_bytes(1e6)
    (2147483648, 524288, 1000000)
    """
    if word is None or (isinstance(word, str) and word.strip().lower() == "auto"):
        return int(available_memory() * _SHARE)
    found = 0.0
    if isinstance(word, str):
        told = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", word.strip().upper())
        found = float(told[1]) * _UNITS[told[2]] if told else 0.0
    elif isinstance(word, int | float) and not isinstance(word, bool):
        found = float(word)
    if not 1 <= found < float("inf"):
        message = f'must be bytes or words like "500MB", "2GB", "auto", got {word!r}.'
        raise ConfigError(message, argument="memory")
    return int(found)


def in_words(size: float) -> str:
    """Bytes as people write them.

    >>> in_words(2**31), in_words(64 * 2**20), in_words(20_000)
    ('2 GB', '64 MB', '19.5 kB')
    """
    unit = next((unit for unit in ("G", "M") if size >= _UNITS[unit]), "K")
    return f"{size / _UNITS[unit]:.3g} {unit.replace('K', 'k')}B"


def available_memory() -> int:
    """Bytes that this process may still take; 4 GiB where the system does not tell."""
    found = [4 * 2**30]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")] or found
    except OSError:
        pass
    for name in _LIMITS:  # a container may have less than its machine
        try:
            found.append(int(Path(name).read_text()))
        except (OSError, ValueError):
            continue
    return min(found)


def frame_bytes(frame: pd.DataFrame) -> int:
    """The size of a frame, its strings and bytes included."""
    return int(frame.memory_usage(deep=True).sum())


def table_bytes(table: Any) -> int:
    """About how much memory it takes to read a table and to encode its cells.

    Args:
        table: a file of a table, or a folder of them.

    Raises:
        DataError: there is no such file.
    """
    return sum(_file_bytes(path) for path in tables_of(table))


def is_large(table: Any, memory: int) -> bool:
    """Whether a table is a file or folder that would take more than this; False where it is none at all.

    >>> is_large({"age": [3]}, 1), is_large("no such file.csv", 1)
    (False, False)
    """
    if not isinstance(table, str | PathLike):
        return False
    try:
        return table_bytes(table) > memory
    except MedleyError:  # told by whoever reads it
        return False


def _file_bytes(path: Path) -> int:
    if path.suffix.lower() == ".parquet":
        try:
            return int(_unpacked(path) * _PER_BYTE)
        except (ValueError, OSError):  # whoever reads it tells what is wrong
            return 0
    packed = path.suffix.lower() in PACKED
    return int(path.stat().st_size * _PER_BYTE * (_PACKED if packed else 1.0))


def _unpacked(path: Path) -> int:
    from pyarrow import parquet

    told = parquet.read_metadata(path)
    return sum(told.row_group(place).total_byte_size for place in range(told.num_row_groups))
