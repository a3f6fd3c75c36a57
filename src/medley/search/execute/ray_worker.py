"""What runs on the nodes of a Ray cluster: the mailbox beside the search, and the trials."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from medley.search.execute.packing import Packed, pack, unpack

LOOK_SECONDS = 0.1
"""Seconds between two looks for a new checkpoint, and for a cancellation."""


class Mailbox:
    """An actor through which trials and the search speak, on the node of the search."""

    def __init__(self) -> None:
        self._inbox: list[tuple[str, dict[str, Any]]] = []
        self._has_mail = asyncio.Event()
        self._answers: dict[str, asyncio.Future[str | None]] = {}
        self._cancelled: set[str] = set()
        self._addresses: dict[str, asyncio.Future[tuple[str, int]]] = {}

    async def post(self, key: str, message: dict[str, Any]) -> str | None:
        """Takes a message of the attempt `key`; for the record of an epoch, returns the answer of the search."""
        answer = None
        if message["kind"] == "record":
            answer = self._answers[key] = asyncio.get_running_loop().create_future()
        self._inbox.append((key, message))
        self._has_mail.set()
        return None if answer is None else await answer

    async def take(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """Returns all messages; waits for the first one for some seconds."""
        if not self._inbox:
            self._has_mail.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_mail.wait(), seconds)
        inbox, self._inbox = self._inbox, []
        return inbox

    async def wake(self) -> None:
        """Ends the wait of `take`."""
        self._has_mail.set()

    async def answer(self, key: str, reason: str | None) -> None:
        """Answers the record that an attempt has posted."""
        future = self._answers.pop(key, None)
        if future is not None and not future.done():
            future.set_result(reason)

    async def cancel(self, key: str) -> None:
        """Cancels an attempt."""
        self._cancelled.add(key)

    async def is_cancelled(self, key: str) -> bool:
        """Whether an attempt was cancelled."""
        return key in self._cancelled

    async def meet(self, key: str, address: tuple[str, int]) -> None:
        """Tells the processes of the attempt `key` where they meet."""
        self._address(key).set_result(address)

    async def address(self, key: str) -> tuple[str, int]:
        """Where the processes of the attempt `key` meet, as soon as it is known."""
        return await asyncio.shield(self._address(key))

    def _address(self, key: str) -> asyncio.Future[tuple[str, int]]:
        return self._addresses.setdefault(key, asyncio.get_running_loop().create_future())


class RayLink:
    """A trial's connection to the search.

    Args:
        mailbox: handle of the actor.
        key: of the attempt.
        checkpoints: local folder, whose checkpoints are sent to the search as they are written.
    """

    def __init__(self, mailbox: Any, key: str, checkpoints: Path) -> None:
        import ray

        self._get = ray.get
        self._mailbox, self._key, self._checkpoints = mailbox, key, checkpoints
        self._is_cancelled = False
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Sends a message, and waits for the answer to the record of an epoch."""
        return self._get(self._mailbox.post.remote(self._key, dict(message)))

    def is_interrupted(self) -> bool:
        """Whether the trial was cancelled."""
        return self._is_cancelled

    def end(self) -> None:
        """Sends the last checkpoint."""
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        sent: dict[Path, int] = {}
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(LOOK_SECONDS)
            self._is_cancelled = bool(self._get(self._mailbox.is_cancelled.remote(self._key)))
            for state in self._checkpoints.glob("*/*.json"):
                try:
                    written = state.stat().st_mtime_ns
                    if sent.get(state) == written:
                        continue
                    files = {f"{state.parent.name}/{name}": data for name, data in pack(state.parent).items()}
                    files |= {path.name: path.read_bytes() for path in self._checkpoints.glob("*.json")}
                except OSError:  # it is being replaced; the next look finds the new one
                    continue
                sent[state] = written
                self.report({"kind": "checkpoint", "files": files})


def arrays_folder(token: str) -> Path:
    """The folder of a node in which its workers share the arrays of one search."""
    return Path(tempfile.gettempdir()) / f"medley-arrays-{token}"


def remove_arrays(token: str) -> None:
    """Removes the arrays of a search from this node."""
    shutil.rmtree(arrays_folder(token), ignore_errors=True)


def run_trial(
    content: dict[str, Any],
    references: Mapping[str, list[Any]],
    checkpoints: Packed,
    deadline: float | None,
    mailbox: Any,
    key: str,
    token: str,
    rank: int = 0,
    size: int = 1,
) -> tuple[dict[str, Any], Packed]:
    """Runs a trial on a node, alone or together with other processes.

    Args:
        content: the task.
        references: name of an array -> list of its reference in the object store.
        checkpoints: of an earlier attempt.
        deadline: `time.time()` at which the training must be over, or None.
        mailbox: handle of the actor.
        key: of the attempt.
        token: of the search.
        rank: number of this process; process 0 speaks with the search.
        size: number of processes that train the network together.

    Returns:
        The result as JSON, and the files of the model; those of process 0 count.

    Raises:
        RuntimeError: the trial has failed, perhaps in this process of several only.
    """
    import ray
    import torch

    from medley.search.execute.arrays import ArrayFolder
    from medley.search.execute.group import SilentLink, is_broken, process_group
    from medley.search.execute.work import import_parts, work

    import_parts(content["modules"])
    torch.set_num_threads(1)
    seconds = None if deadline is None else deadline - time.time()  # now, not when it was submitted
    shared = ArrayFolder(arrays_folder(token))

    def read(name: str) -> np.ndarray:
        """An array from the node's folder; written there by the first trial that reads it."""
        if not (shared.folder / f"{name}.npy").is_file():
            shared.write({name: ray.get(references[name][0])})
        return shared.read(name)

    store = _store(mailbox, key, rank) if size > 1 else None
    with tempfile.TemporaryDirectory(prefix="medley-") as folder, process_group(store, rank, size):
        if rank:
            result = work(content, read, SilentLink(), None, None, seconds)
        else:
            local = Path(folder) / "checkpoints"
            unpack(checkpoints, local)
            link = RayLink(mailbox, key, local)
            link.report({"kind": "begin"})
            try:
                result = work(content, read, link, local, Path(folder) / "model", seconds)
            finally:
                link.end()
        if size > 1 and is_broken(result):  # perhaps not in the others, which wait for this one
            raise RuntimeError(result["reason"])
        return result, pack(Path(folder) / "model")


def _store(mailbox: Any, key: str, rank: int) -> Any:
    """The store of torch through which the processes of an attempt meet; it is on the machine of process 0."""
    import ray
    from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

    if rank:
        host, port = ray.get(mailbox.address.remote(key))
        return TCPStore(host, port)
    host = ray.util.get_node_ip_address()
    store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
    ray.get(mailbox.meet.remote(key, (host, store.port)))
    return store
