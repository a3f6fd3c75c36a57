"""How much memory is available, and how much a table in a file would need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medley.errors import ConfigError, MedleyError
from medley.tables.reading.compression import COMPRESSED
from medley.tables.reading.files import PARQUET, TableFiles, ending_of
from medley.tables.reading.read import source_of, tables_of

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_AUTO_FRACTION = 0.4
_MEMORY_PER_BYTE = 4.0
"""Bytes of memory per byte of a text file: its frame, the parsed cells, and temporary copies."""
_COMPRESSION_RATIO = 4.0
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes(size: float | str | None) -> int:
    """Parse a memory size.

    Args:
        size: bytes, or "500MB", "2GB", "2 GiB"; "auto" and None mean 40% of the memory that is available now.

    Raises:
        ConfigError: it is not a size of at least one byte.

    >>> memory_bytes("2GB"), memory_bytes("512 kB"), memory_bytes(1e6)
    (2147483648, 524288, 1000000)
    """
    if size is None or (isinstance(size, str) and size.strip().lower() == "auto"):
        return int(available_memory() * _AUTO_FRACTION)
    number = 0.0
    if isinstance(size, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", size.strip().upper())
        number = float(match[1]) * _UNITS[match[2]] if match else 0.0
    elif isinstance(size, int | float) and not isinstance(size, bool):
        number = float(size)
    if not 1 <= number < float("inf"):
        message = f'must be a number of bytes, or a string such as "500MB", "2GB" or "auto", got {size!r}.'
        raise ConfigError(message, argument="memory")
    return int(number)


def format_bytes(size: float) -> str:
    """Format a number of bytes.

    >>> format_bytes(2**31), format_bytes(64 * 2**20), format_bytes(20_000)
    ('2 GB', '64 MB', '19.5 kB')
    """
    unit = next((unit for unit in ("G", "M") if size >= _UNITS[unit]), "K")
    return f"{size / _UNITS[unit]:.3g} {unit.replace('K', 'k')}B"


def available_memory() -> int:
    """Bytes that this process can still allocate; 4 GiB if the system does not report it."""
    candidates = [4 * 2**30]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        candidates = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")] or candidates
    except OSError:
        pass
    for name in _CGROUP_LIMITS:  # a container may be limited to less than the machine has
        try:
            candidates.append(int(Path(name).read_text()))
        except (OSError, ValueError):
            continue
    return min(candidates)


def frame_bytes(frame: pd.DataFrame) -> int:
    """The size of a frame in bytes, including its strings."""
    return int(frame.memory_usage(deep=True).sum())


def table_bytes(table: Any) -> int:
    """Estimate how much memory it takes to read a table and to encode its cells.

    Args:
        table: a file, or a folder of files.

    Raises:
        DataError: there is no such file.
    """
    return sum(_file_bytes(path) for path in tables_of(table))


def is_large(table: Any, memory: int) -> bool:
    """Whether a table is in files that would need more than this; False if it is in memory or in a database.

    >>> is_large({"age": [3]}, 1), is_large("no such file.csv", 1)
    (False, False)
    """
    try:
        source = source_of(table)
        return isinstance(source, TableFiles) and table_bytes(source) > memory
    except MedleyError:  # reported when it is read
        return False


def _file_bytes(path: Path) -> int:
    if ending_of(path) in PARQUET:
        try:
            return int(_uncompressed_bytes(path) * _MEMORY_PER_BYTE)
        except Exception:  # of a damaged file, which is reported when it is read
            return 0
    is_compressed = path.suffix.lower() in COMPRESSED
    return int(path.stat().st_size * _MEMORY_PER_BYTE * (_COMPRESSION_RATIO if is_compressed else 1.0))


def _uncompressed_bytes(path: Path) -> int:
    from pyarrow import parquet

    metadata = parquet.read_metadata(path)
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
