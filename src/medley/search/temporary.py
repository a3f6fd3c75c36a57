"""Temporary folders that are deleted with an object."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize

from medley.core.files import unsynced


def temporary_folder(owner: object) -> Path:
    """Creates a folder that is deleted when its owner is, or at the end of the process.

    A forked process does not delete it.

    Args:
        owner: an object that supports weak references.
    """
    folder = Path(mkdtemp(prefix="medley-"))
    until_removed = ExitStack()
    until_removed.enter_context(unsynced(folder))
    finalize(owner, _remove, folder, os.getpid(), until_removed)
    return folder


def _remove(folder: Path, process: int, until_removed: ExitStack) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
        until_removed.close()
