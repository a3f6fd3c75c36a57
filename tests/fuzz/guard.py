"""Watches what a piece of code opens: no socket, no process, no file but those it may read."""

import os
import sys
from contextlib import contextmanager
from unittest.mock import patch

from .mutants import CANARY

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.", "ftplib.", "http.")
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "shutil.",
)
_state = {"allowed": None, "seen": []}


def _hook(event, arguments):
    allowed = _state["allowed"]
    if allowed is None:
        return
    if event.startswith(_FORBIDDEN) or event == "pickle.find_class":
        _state["seen"].append(f"{event} {arguments!r:.200}")
    elif event == "open" or event.startswith(_CHANGES):
        path = str(arguments[0])
        writes = event != "open" or (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
        flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else 0
        writes = writes or bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if CANARY in path or (writes and not path.startswith((allowed, "/dev/null"))):
            _state["seen"].append(f"{event} {arguments!r:.200}")


@contextmanager
def watched(folder):
    """Lets nothing inside write but under a folder, or reach the network.

    Raises:
        AssertionError: something did.
    """
    if not _state.get("is_added"):
        sys.addaudithook(_hook)  # for the rest of the process, as no hook can be removed
        _state["is_added"] = True
    _state["allowed"], _state["seen"] = str(folder), []
    # What Python and Triton write beside a package that is imported for the first time says nothing about the model.
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=str(folder)):
            yield
    finally:
        _state["allowed"], sys.dont_write_bytecode = None, bytecode
    assert not _state["seen"], _state["seen"]
