"""One writer per project."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from medley.errors import ConfigError, spelled, warn

LOCK = ".lock"
"""Name of the file, inside the project's folder, that its writer holds a lock on."""


class ProjectLock:
    """A lock on a project's folder, which the operating system releases when the process ends, however it ends.

    Args:
        folder: of the project, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: Any = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            ConfigError: another process, or another search of this one, is writing the project.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise ConfigError(
                f"Another search is running in {self.folder}. Wait until it has ended, or choose another folder "
                f"({spelled('directory')}). Several processes can train for one search that is started with "
                f"{spelled('executor', 'files')}: run `medley worker {self.folder}`."
            ) from error
        except (NotImplementedError, OSError) as error:  # a file system without locks, or a full disk
            warn(f"{self.folder} cannot be locked ({error}); make sure that no other process writes this project.")
            return
        self._lock = lock

    def release(self) -> None:
        """Gives the lock back; does nothing without one."""
        if self._lock is not None:
            with suppress(OSError):
                self._lock.release()
            self._lock = None


def is_locked(folder: Path) -> bool:
    """Whether a process is writing a project. Nothing is changed."""
    from filelock import FileLock, Timeout

    path = folder / LOCK
    try:
        times = path.stat()
    except OSError:
        return False
    if not os.access(path, os.W_OK):
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except (NotImplementedError, OSError):
        return False
    finally:
        with suppress(OSError):  # filelock truncates the empty file before version 4: a new time
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
