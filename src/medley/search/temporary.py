"""A folder that lives as long as an object."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize


def temporary_folder(owner: object) -> Path:
    """A new folder that is removed with its owner, at the end of the process at the latest.

    A process that was forked from this one leaves it alone.

    Args:
        owner: can be referred to weakly.
    """
    folder = Path(mkdtemp(prefix="medley-"))
    finalize(owner, _remove, folder, os.getpid())
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
