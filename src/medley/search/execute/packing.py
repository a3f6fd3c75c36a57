"""Small folders as bytes, for workers that share no file system with the search."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medley.core.files import is_temporary, write_file

Packed = dict[str, bytes]
"""Relative path of a file -> its content."""


def pack(folder: Path) -> Packed:
    """The files of a folder, and of the folders in it; empty if there is none.

    >>> pack(Path("nowhere"))
    {}
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not is_temporary(path.name):
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return files


def unpack(packed: Mapping[str, bytes], folder: Path) -> None:
    """Writes files into a folder; those that describe others (JSON) last, so that these are complete by then.

    Args:
        packed: as returned by `pack`.
        folder: created if missing. Files of the same name are replaced; others stay.
    """
    for name in sorted(packed, key=lambda name: name.endswith(".json")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, packed[name])
