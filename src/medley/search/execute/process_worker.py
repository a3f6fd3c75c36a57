"""A worker process: reads trials from its standard input, and writes what it reports to its standard output."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Queue
from time import sleep
from typing import Any, BinaryIO

GRACE_SECONDS = 4.0
"""Seconds that a training has to write its state when the search is gone."""


class PipeLink:
    """The connection to the search over two pipes.

    Args:
        lines: from the search; their end means that it is gone.
        output: to the search.
    """

    def __init__(self, lines: BinaryIO, output: BinaryIO) -> None:
        self._lines, self._output = lines, output
        self._answers: Queue[str | None] = Queue()
        self.tasks: Queue[dict[str, Any] | None] = Queue()
        """Trials to run; None at the end."""
        self._is_interrupted = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._lines:
            message = json.loads(line)
            match message["kind"]:
                case "task":
                    self._is_interrupted = False
                    self.tasks.put(message)
                case "answer":
                    self._answers.put(message["reason"])
                case "cancel":
                    self._is_interrupted = True
        self._is_interrupted = True
        self._answers.put(None)
        self.tasks.put(None)
        sleep(GRACE_SECONDS)
        os._exit(1)

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Sends a message, and waits for the answer to the record of an epoch."""
        try:
            self._output.write(json.dumps(message).encode() + b"\n")
            self._output.flush()
        except OSError:  # the search is gone, which `_listen` notices
            return None
        return self._answers.get() if message["kind"] == "record" else None

    def is_interrupted(self) -> bool:
        """Whether the trial was cancelled, or the search is gone."""
        return self._is_interrupted


def main() -> None:
    """Runs trials until the search closes the pipe."""
    # What parts print must not come between messages.
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    link = PipeLink(sys.stdin.buffer, output)
    from medley.search.execute.arrays import ArrayFolder
    from medley.search.execute.work import import_parts, work

    folders: dict[str, ArrayFolder] = {}
    while (task := link.tasks.get()) is not None:
        arrays = folders.setdefault(task["arrays"], ArrayFolder(Path(task["arrays"])))
        import_parts(task["content"]["modules"])
        checkpoints, model, seconds = Path(task["checkpoints"]), Path(task["model"]), task["seconds"]
        result = work(task["content"], arrays.read, link, checkpoints, model, seconds)
        link.report({"kind": "result", "result": result})


if __name__ == "__main__":
    main()
