"""Files that appear whole or not at all, and stay so when a process is killed or a machine loses its power."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest, sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

STALE_SECONDS = 86_400.0
"""Age from which a temporary file of another machine counts as a leftover."""

_TEMPORARY = re.compile(r"\.new-(?P<machine>[0-9a-f]{8})-(?P<process>\d+)-[0-9a-f]{8}\..+", re.DOTALL)
_MACHINE = sha256(socket.gethostname().encode()).hexdigest()[:8]
_unsynced: set[Path] = set()  # folders whose files need not outlive the process
_in_use: set[str] = set()  # names of temporary files that this process is writing


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside `path`, which takes the place of `path` if the block ends without an error.

    Readers see the old content or the new one, never a part of it, even after a loss of power. The file is as readable
    for others as any other file of the user.

    Args:
        path: in a folder that exists.

    Yields:
        The path of a file that does not exist yet, with the same ending.

    Raises:
        OSError: the folder cannot be written.
    """
    name = f".new-{_MACHINE}-{os.getpid()}-{token_hex(4)}.{path.name}"
    temporary = path.with_name(name)
    _in_use.add(name)
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _in_use.discard(name)


def write_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old one or the new one, never a part of it.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def fingerprint(path: Path) -> dict[str, Any]:
    """Size in bytes and SHA-256 checksum of a file, as JSON.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": file_digest(file, "sha256").hexdigest()}


@contextmanager
def unsynced(folder: Path) -> Iterator[Path]:
    """A folder whose files need not outlive the process: nothing waits until they are on the disk.

    Args:
        folder: deleted by the caller.
    """
    _unsynced.add(folder)
    try:
        yield folder
    finally:
        _unsynced.discard(folder)


def sync(path: Path) -> None:
    """Waits until a file, or the list of names in a folder, is on the disk; not in a folder that is `unsynced`."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    if not _unsynced.isdisjoint((path, *path.parents)):
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems cannot sync a folder
        if not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that `replacing` gives."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files of processes that have ended; the files of those that are writing stay."""
    for path in folder.glob(".new-*"):
        match = _TEMPORARY.fullmatch(path.name)
        with suppress(OSError):
            if match and path.name not in _in_use and _is_stale(path, match["machine"], int(match["process"])):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _is_stale(path: Path, machine: str, process: int) -> bool:
    if machine != _MACHINE or os.name == "nt":
        return time.time() - path.stat().st_mtime > STALE_SECONDS
    return process == os.getpid() or not is_running(process)


def is_running(process: int) -> bool:
    """Whether a process of this machine is running."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
