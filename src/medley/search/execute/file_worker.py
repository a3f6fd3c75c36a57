"""A worker that takes trials from the folder of a project."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from medley.core.serialization import check_header
from medley.errors import ArtifactError
from medley.search.execute.arrays import ArrayFolder
from medley.search.execute.group import SilentLink, is_broken, process_group
from medley.search.execute.shared_folder import SharedFolder, beat, beat_of, move, read_json_file, write_json
from medley.search.execute.work import work
from medley.search.interrupt import Interrupts
from medley.train.ranks import Ranks

LOOK_SECONDS = 0.2
"""Seconds between two looks for a task."""


class FileLink:
    """The connection to the search over files, for one attempt at a trial.

    Args:
        shared: the folder.
        name: of the attempt.
        search: the content of `search.json`.
        is_ending: whether this worker was asked to end.
    """

    def __init__(
        self, shared: SharedFolder, name: str, search: Mapping[str, Any], is_ending: Callable[[], bool]
    ) -> None:
        self._shared, self._name = shared, name
        self._seconds, self._expiry_beats = search["beat_seconds"], search["expiry_beats"]
        self._is_ending = is_ending
        self.is_lost = False
        """Whether the claim was taken away, or the search is gone: nobody waits for the result."""
        self._is_cancelled = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Appends a message; after an epoch, returns the reason to stop, if the search has given one by now."""
        if self.is_lost:
            return None
        with suppress(OSError), self._shared.messages(self._name).open("ab") as file:
            file.write(json.dumps(message).encode() + b"\n")
        if message["kind"] != "record":
            return None
        stop = read_json_file(self._shared.stop(self._name))
        return None if stop is None else stop["reason"]

    def is_interrupted(self) -> bool:
        """Whether the trial was cancelled, its claim is lost, or this worker shall end."""
        return self.is_lost or self._is_cancelled or self._is_ending()

    def end(self) -> None:
        """Stops the beats."""
        self._is_over.set()
        self._thread.join()

    def _beat(self) -> None:
        last, missed = beat_of(self._shared.search), 0
        while not self._is_over.wait(self._seconds):
            now = beat_of(self._shared.search)
            last, missed = now, 0 if now is not None and now != last else missed + 1
            if not beat(self._shared.claim(self._name)) or missed >= self._expiry_beats:
                self.is_lost = True
            stop = read_json_file(self._shared.stop(self._name))
            self._is_cancelled |= stop is not None and stop["is_cancelled"]


def serve(projects: list[Path], idle_seconds: float, log: Callable[[str], None]) -> int:
    """Runs the trials of a search until it ends, or nothing has come for some time.

    Ctrl-C and SIGTERM write the state of the running trial and hand it back, so that another worker continues it. All
    processes that `torchrun` has started are one worker, whose first process speaks with the search.

    Args:
        projects: folders of which one is, or will be, that of a search with the executor "files".
        idle_seconds: after which a worker without a trial ends.
        log: prints a line.

    Returns:
        The number of trials that were run.

    Raises:
        ArtifactError: the search is one of another version of medley.
    """
    torch.set_num_threads(1)
    with process_group() as ranks:
        if ranks is not None and ranks.rank:
            return _follow(ranks)
        is_group = ranks is not None
        try:
            return _lead(projects, idle_seconds, log, ranks)
        except SystemExit:  # the others are not where they would hear of the end
            is_group = False
            raise
        finally:
            if ranks is not None and is_group:
                ranks.content(None)


def _lead(projects: list[Path], idle_seconds: float, log: Callable[[str], None], ranks: Ranks | None) -> int:
    count, idle_since, has_search = 0, time.monotonic(), False
    arrays: dict[int | str, ArrayFolder] = {}
    with Interrupts() as interrupts:
        while not interrupts.is_acknowledged():
            shared = next((folder for folder in map(SharedFolder, projects) if folder.search.is_file()), None)
            if shared is None and has_search:
                break
            name = None if shared is None else _claimed(shared)
            if shared is not None and name is not None:
                has_search = True
                if _run(shared, name, arrays, interrupts.is_acknowledged, log, ranks):
                    count += 1
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > idle_seconds:
                break
            else:
                has_search |= shared is not None
                if ranks is not None:  # or they would give up waiting
                    ranks.content({})
                time.sleep(LOOK_SECONDS)
    return count


def _follow(ranks: Ranks) -> int:
    """Trains together with the first process whatever it has claimed."""
    count = 0
    arrays: dict[str, ArrayFolder] = {}
    while (message := ranks.content(None)) is not None:
        if not message:
            continue
        folder = arrays.setdefault(message["key"], ArrayFolder(Path(message["arrays"])))
        task = message["task"]
        result = work(task["content"], folder.read, SilentLink(), None, None, _seconds(task))
        if is_broken(result):
            raise SystemExit(f"A process of the group failed: {result['reason']}")
        count += 1
    return count


def _seconds(task: Mapping[str, Any]) -> float | None:
    return None if task["deadline"] is None else task["deadline"] - time.time()


def _claimed(shared: SharedFolder) -> str | None:
    """The name of an attempt that this worker has claimed; None if there is nothing to do."""
    with suppress(OSError):
        for path in sorted((shared.path / "tasks").glob("[0-9]*.json"), key=lambda path: path.stat().st_mtime_ns):
            if move(path, shared.claim(path.stem)):
                beat(shared.claim(path.stem))
                return path.stem
    return None


def _run(
    shared: SharedFolder,
    name: str,
    arrays: dict[int | str, ArrayFolder],
    is_ending: Callable[[], bool],
    log: Callable[[str], None],
    ranks: Ranks | None,
) -> bool:
    """Runs a trial that was claimed; returns whether it has ended."""
    search, task = read_json_file(shared.search), read_json_file(shared.claim(name))
    if search is None or task is None:  # the search has just ended
        return False
    try:
        check_header(search, shared.search)
    except ArtifactError:
        move(shared.claim(name), shared.task(name))  # a worker of the right version may take it
        raise
    # Each search writes its arrays anew.
    key = shared.search.stat().st_ino if shared.search.exists() else name
    folder = arrays.setdefault(key, ArrayFolder(shared.arrays))
    log(f"trial {task['content']['number']}")
    if ranks is not None:
        ranks.content({"task": task, "key": str(key), "arrays": str(shared.arrays.absolute())})
    link = FileLink(shared, name, search, is_ending)
    checkpoints = shared.checkpoints(task["content"]["number"]) if task["keeps_checkpoints"] else None
    try:
        result = work(task["content"], folder.read, link, checkpoints, shared.model(name), _seconds(task))
    finally:
        link.end()
    if ranks is not None and is_broken(result):  # another worker continues it, from its last checkpoint
        raise SystemExit(f"A process of the group failed: {result['reason']}")
    if link.is_lost:
        shutil.rmtree(shared.model(name), ignore_errors=True)
        return False
    if result["state"] == "interrupted" and is_ending():
        shared.claim(name).unlink(missing_ok=True)  # handed back
        return False
    with suppress(OSError):  # the search has ended meanwhile
        write_json(shared.result(name), result)
    return True
