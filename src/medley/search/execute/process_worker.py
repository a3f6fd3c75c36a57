"""A worker process: reads trials from its standard input, and writes what it reports to its standard output."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from functools import partial
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
        self.trials: dict[int, TrialLink] = {}
        """The connections of trials, by number."""
        self.tasks: Queue[list[dict[str, Any]] | None] = Queue()
        """Trials to begin; None at the end."""
        self.is_closed = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._lines:
            message = json.loads(line)
            match message["kind"]:
                case "tasks":
                    for task in message["tasks"]:
                        self.trials[task["number"]] = TrialLink(self, task["number"])
                    self.tasks.put(message["tasks"])
                case "answer":
                    self.trials[message["number"]].answers.put(message["reason"])
                case "cancel":
                    self.trials[message["number"]].is_cancelled = True
        self.is_closed = True
        for trial in list(self.trials.values()):
            trial.answers.put(None)
        self.tasks.put(None)
        sleep(GRACE_SECONDS)
        os._exit(1)

    def send(self, message: Mapping[str, Any]) -> bool:
        """Sends a message; returns whether the search is still there."""
        try:
            self._output.write(json.dumps(message).encode() + b"\n")
            self._output.flush()
        except OSError:  # which `_listen` notices
            return False
        return True


class TrialLink:
    """The connection of a trial to the search.

    Args:
        link: of the process.
        number: of the trial.
    """

    def __init__(self, link: PipeLink, number: int) -> None:
        self.link, self.number = link, number
        self.answers: Queue[str | None] = Queue()
        self.is_cancelled = False

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Sends a message, and waits for the answer to the record of an epoch."""
        is_sent = self.link.send({**message, "number": self.number})
        return self.answers.get() if is_sent and message["kind"] == "record" and not self.link.is_closed else None

    def is_interrupted(self) -> bool:
        """Whether the trial was cancelled, or the search is gone."""
        return self.is_cancelled or self.link.is_closed


class LaneLinks:
    """The connection of whichever trial runs: each has a thread of its own."""

    def __init__(self) -> None:
        self._links: dict[int, TrialLink] = {}

    def enter(self, link: TrialLink) -> None:
        """Takes over what the present thread reports from now on."""
        self._links[threading.get_ident()] = link

    def report(self, message: Mapping[str, Any]) -> str | None:
        """Sends a message as that of the trial of this thread."""
        link = self._links.get(threading.get_ident())
        return None if link is None else link.report(message)

    def is_interrupted(self) -> bool:
        """False: trials ask by themselves."""
        return False


def main(lanes: int = 1, trials: int = 1) -> None:
    """Runs trials until the search closes the pipe.

    Args:
        lanes: number of trials at a time.
        trials: number of trials among which the time of compiling is divided.
    """
    # What parts print must not come between messages.
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    link = PipeLink(sys.stdin.buffer, output)
    from medley.search.execute.arrays import ArrayFolder
    from medley.search.execute.work import import_parts, reported_warnings, train_trial
    from medley.train.stacked import Lane, Stack
    from medley.train.steppers import choose_stepper, stepper_of_lane

    folders: dict[str, ArrayFolder] = {}
    links = LaneLinks()

    def run(task: dict[str, Any], lane: Lane | None) -> None:
        trial = link.trials[task["number"]]
        links.enter(trial)
        arrays = folders.setdefault(task["arrays"], ArrayFolder(Path(task["arrays"])))
        import_parts(task["content"]["modules"])
        checkpoints, model, seconds = Path(task["checkpoints"]), Path(task["model"]), task["seconds"]
        choose = choose_stepper if lane is None else stepper_of_lane(lane, trials)
        result = train_trial(task["content"], arrays.read, trial, checkpoints, model, seconds, choose)
        del link.trials[task["number"]]
        if stack.note is not None:
            trial.report({"kind": "log", "line": stack.note})
            stack.note = None
        trial.report({"kind": "result", "result": result})

    def add(tasks: list[dict[str, Any]]) -> None:
        for task in tasks:
            if lanes == 1:
                run(task, None)
            else:
                stack.add(task["number"], partial(run, task))

    def add_arrivals() -> None:
        while not link.is_closed and not link.tasks.empty():
            add(link.tasks.get() or [])

    stack = Stack(lanes, add_arrivals)
    with reported_warnings(links):
        while (tasks := link.tasks.get()) is not None:
            add(tasks)
            while stack.run():
                pass


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
