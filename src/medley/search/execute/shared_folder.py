"""The files through which a search and its workers on other machines speak, in a folder that all of them can write.

Below `<project>/execution/`, of a trial n that is attempted for the a-th time:

    search.json          of the running search; touched as long as it runs
    arrays/              encoded rows and states of codecs, each written once
    tasks/n-a.json       waits for a worker
    claims/n-a.json      the same file, moved there by the worker that runs it, and touched as long as it does
    messages/n-a.jsonl   what the worker reports
    stops/n-a.json       the reason for which the worker shall stop
    models/n-a/          the model
    results/n-a.json     the result; ends the attempt

A move of a file happens once, whoever else tries it, so two workers never claim one attempt.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from medley.core.files import write_file

EXECUTION = "execution"
"""Folder of a project that holds what its workers read and write."""

_FOLDERS = ("tasks", "claims", "messages", "stops", "models", "results")


class SharedFolder:
    """The files of one search.

    Args:
        project: the project's folder.
    """

    def __init__(self, project: Path) -> None:
        self.path = project / EXECUTION
        self.search = self.path / "search.json"
        self.arrays = self.path / "arrays"

    def make(self) -> None:
        """Creates the folders."""
        for name in _FOLDERS:
            (self.path / name).mkdir(parents=True, exist_ok=True)

    def task(self, name: str) -> Path:
        """A task that waits."""
        return self.path / "tasks" / f"{name}.json"

    def claim(self, name: str) -> Path:
        """A task that a worker runs."""
        return self.path / "claims" / f"{name}.json"

    def messages(self, name: str) -> Path:
        """What a worker reports."""
        return self.path / "messages" / f"{name}.jsonl"

    def stop(self, name: str) -> Path:
        """The reason to stop."""
        return self.path / "stops" / f"{name}.json"

    def model(self, name: str) -> Path:
        """The folder of a model."""
        return self.path / "models" / name

    def checkpoints(self, number: int) -> Path:
        """The folder of the checkpoints of a trial, as `Store.checkpoints_folder` has it.

        The number comes from a file that others can write, and what lies in the folder may be removed.

        >>> SharedFolder(Path("project")).checkpoints("../../home")
        Traceback (most recent call last):
            ...
        ValueError: invalid literal for int() with base 10: '../../home'
        """
        return self.path.parent / "checkpoints" / str(int(number))

    def result(self, name: str) -> Path:
        """The result of an attempt."""
        return self.path / "results" / f"{name}.json"


def move(source: Path, target: Path) -> bool:
    """Moves a file; returns whether it was there, and nobody else has moved it."""
    try:
        os.rename(source, target)
    except OSError:
        return False
    return True


def beat(path: Path) -> bool:
    """Touches a file; returns whether it is still there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:  # a network file system that is away for a moment
        return True
    return True


def beat_of(path: Path) -> int | None:
    """The time of the last beat, as a number that changes with each; None if the file is not there.

    Clocks of machines differ, so it is only compared with an earlier value, never with the time of this machine.
    """
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file that appears whole."""
    write_file(path, json.dumps(content).encode())


def read_json_file(path: Path) -> Any:
    """The content of a JSON file; None if it is not there, or not readable now."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None
