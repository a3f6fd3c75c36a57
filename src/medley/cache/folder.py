"""The cache folder: where it is, the keys of its entries, and locks between processes."""

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
"""The environment variable for the cache: a folder; `memory` (nothing is written); `off` or empty (no caching)."""

KEY = np.dtype("S16")
"""The type of keys: 16 bytes."""

_warned: set[str] = set()


def is_on() -> bool:
    """Whether caching is on, on disk or in memory."""
    return os.environ.get(VARIABLE, "on").strip().lower() not in ("", "off")


def root() -> Path | None:
    """The root folder of the cache; None if nothing is written to disk. It is not created here.

    >>> from unittest.mock import patch
    >>> with patch.dict("os.environ", MEDLEY_CACHE="memory"):
    ...     root() is None, is_on()
    (True, True)
    """
    setting = os.environ.get(VARIABLE)
    if setting is None:
        return _user_cache_folder() / "medley"
    return None if setting.strip().lower() in ("", "off", "memory") else Path(setting).expanduser()


def folder(*parts: str) -> Path | None:
    """A folder under `root()`, created if missing.

    Args:
        parts: the components of its path under the root.

    Returns:
        None if nothing is written to disk, by choice or because the folder cannot be written (with one warning).
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
        warn_once(
            f"{base} cannot be written ({error.strerror or error}), so results are kept in memory only and the next run"
            f" computes them again. Set {VARIABLE} to a folder that you can write to, or to `memory`."
        )
        return None
    return path


def warn_once(message: str) -> None:
    """Issue a warning once per process."""
    if message not in _warned:
        _warned.add(message)
        warn(message)


def _user_cache_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@contextmanager
def locked(path: Path, name: str = "lock", *, wait: bool = True) -> Iterator[bool]:
    """Lock a folder against other processes while the block runs, or until this process dies.

    Args:
        path: the folder.
        name: of the file in it that is locked.
        wait: whether to wait for the lock of another process.

    Yields:
        Whether it is locked; False only if another process has locked it, and `wait` is False.

    Raises:
        OSError: the folder cannot be written, or its file system has no locks.
    """
    with (path / name).open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                if wait:
                    raise
                yield False
                return
            try:
                yield True
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True  # released as the file is closed


def digest(*things: str | bytes | np.ndarray) -> str:
    """A checksum of content: 32 hexadecimal digits.

    Args:
        things: strings, bytes, or arrays (shape and type count, too); the boundaries between them count.

    >>> digest("ab", "c") == digest("a", "bc"), digest(np.zeros(2)) == digest(np.zeros((2, 1))), len(digest())
    (False, False, 32)
    """
    checksum = hashlib.blake2b(digest_size=16)
    for thing in things:
        if isinstance(thing, np.ndarray):
            content, type_name = np.ascontiguousarray(thing).data, f"{thing.dtype.str}{thing.shape}"
            size = thing.nbytes
        else:
            content, type_name = thing.encode() if isinstance(thing, str) else thing, type(thing).__name__
            size = len(content)
        checksum.update(f"{type_name} {size} ".encode())
        if size:
            checksum.update(content)
    return checksum.hexdigest()


def row_keys(rows: np.ndarray, index: np.ndarray | None = None) -> np.ndarray:
    """Compute a key of the content of each row.

    Args:
        rows: (N, ...) numbers; the type and shape of a row count, too.
        index: positions of the rows (B,); by default all.

    Returns:
        (B,) keys of 16 bytes; equal rows have equal keys.

    >>> keys = row_keys(np.array([[1, 2], [3, 4], [1, 2]]))
    >>> keys.dtype == KEY, bool(keys[0] == keys[2]), bool(keys[0] == keys[1])
    (True, True, False)
    """
    start = hashlib.blake2b(f"{rows.dtype.str}{rows.shape[1:]} ".encode(), digest_size=16)
    positions = range(len(rows)) if index is None else index
    keys = np.empty(len(positions), KEY)
    for i, row in enumerate(positions):
        hasher = start.copy()
        hasher.update(rows[row].tobytes())
        keys[i] = hasher.digest()
    return keys


def as_keys(digests: list[str]) -> np.ndarray:
    """Convert digests to keys (N,) of 16 bytes.

    >>> as_keys([digest("a"), digest("b")]).shape
    (2,)
    """
    return np.array([bytes.fromhex(digest) for digest in digests], KEY)
