"""What is kept between runs: where, under which keys, and how two processes keep out of each other's way."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from medley.errors import warn

VARIABLE = "MEDLEY_CACHE"
"""The environment variable that says where: a folder; `memory` (nothing is written); `off` or empty (nothing kept)."""

KEY = np.dtype("S16")
"""The type of keys: 16 bytes."""

_told: set[str] = set()


def is_on() -> bool:
    """Whether anything is kept at all."""
    return os.environ.get(VARIABLE, "on").strip().lower() not in ("", "off")


def root() -> Path | None:
    """The folder of all that is kept; None where nothing is written. It is not made here.

    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", MEDLEY_CACHE="memory"):
    ...     root() is None, is_on()
    (True, True)
    """
    given = os.environ.get(VARIABLE)
    if given is None:
        return _users_own() / "medley"
    return None if given.strip().lower() in ("", "off", "memory") else Path(given).expanduser()


def folder(*parts: str) -> Path | None:
    """A folder under `root()`, made where missing.

    Args:
        parts: its path there.

    Returns:
        None where nothing is written, by choice or because nothing can be; the latter is told once.
    """
    base = root()
    if base is None:
        return None
    path = base.joinpath(*parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with locked(path):
            pass
    except OSError as error:
        tell_once(
            f"{base} cannot be written ({error.strerror or error}), so results are kept in memory only and are computed"
            f" anew by the next run. Set {VARIABLE} to a folder of yours, or to `memory`."
        )
        return None
    return path


def tell_once(message: str) -> None:
    """Warns of something once per process."""
    if message not in _told:
        _told.add(message)
        warn(message)


def _users_own() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes out of a folder for as long as the block runs; waits for them first.

    Raises:
        OSError: the folder cannot be written, or its file system has no locks.
    """
    with (path / "lock").open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)  # released as the file is closed
            yield


def digest(*things: str | bytes | np.ndarray) -> str:
    """A checksum of content: 32 hexadecimal digits.

    Args:
        things: strings, bytes, or arrays (whose shape and type count too); where one ends and the next begins counts.

    >>> digest("ab", "c") == digest("a", "bc"), digest(np.zeros(2)) == digest(np.zeros((2, 1))), len(digest())
    (False, False, 32)
    """
    found = hashlib.blake2b(digest_size=16)
    for one in things:
        if isinstance(one, np.ndarray):
            content, kind = np.ascontiguousarray(one).data, f"{one.dtype.str}{one.shape}"
            size = one.nbytes
        else:
            content, kind = one.encode() if isinstance(one, str) else one, type(one).__name__
            size = len(content)
        found.update(f"{kind} {size} ".encode())
        if size:
            found.update(content)
    return found.hexdigest()


def row_keys(rows: np.ndarray, index: np.ndarray | None = None) -> np.ndarray:
    """A key of each row's content.

    Args:
        rows: (N, ...) numbers; the type and shape of a row count too.
        index: which rows (B,); all, if left out.

    Returns:
        (B,) keys of 16 bytes; equal rows have equal keys.

    >>> keys = row_keys(np.array([[1, 2], [3, 4], [1, 2]]))
    >>> keys.dtype == KEY, bool(keys[0] == keys[2]), bool(keys[0] == keys[1])
    (True, True, False)
    """
    start = hashlib.blake2b(f"{rows.dtype.str}{rows.shape[1:]} ".encode(), digest_size=16)
    wanted = range(len(rows)) if index is None else index
    found = np.empty(len(wanted), KEY)
    for place, row in enumerate(wanted):
        one = start.copy()
        one.update(rows[row].tobytes())
        found[place] = one.digest()
    return found


def as_keys(digests: list[str]) -> np.ndarray:
    """Digests as keys (N,) of 16 bytes.

    >>> as_keys([digest("a"), digest("b")]).shape
    (2,)
    """
    return np.array([bytes.fromhex(one) for one in digests], KEY)
