"""Temporary folders that are deleted with an object."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize


def temporary_folder(owner: object) -> Path:
    """Creates a folder that is deleted when its owner is, or at the end of the process.

    A forked process does not delete it.

    Args:
        owner: an object that supports weak references.
    """
    folder = Path(mkdtemp(prefix="medley-"))
    finalize(owner, _remove, folder, os.getpid())
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
